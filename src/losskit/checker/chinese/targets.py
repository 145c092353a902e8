"""LK2xx: the target."""

TEXT = """
Tensors (N, 1) and (N), of which torch makes (N, N).

张量 (N, 1) 与 (N)，torch 广播成 (N, N)。

Looks for two tensors of a loss whose shapes broadcast to more elements than either has.

同一损失的两个张量广播后，元素比任何一个都多。

Every output is then compared with every target: the best that the network can learn is their mean.

每个输出都与所有目标比较：网络最多只能学到目标的均值。

{who} compares {one} {shapes} element by element, and torch makes them {result}

{who} 逐元素比较 {one} {shapes}，torch 将其广播成 {result}

{count} pairs where {fewer} are meant

本应有 {fewer} 对，实际有 {count} 对

every output is compared with every target: the loss is {loss}, and paired off it is {right}

每个输出都与所有目标比较：损失为 {loss}，一一对应则为 {right}

make the shapes equal: {one}.squeeze({dim})

让形状一致：{one}.squeeze({dim})

Targets 0 and 1 where a loss takes -1 and 1.

损失需要 -1 和 1，目标却是 0 和 1。

Looks for targets other than 1 and -1 in losses of margins: SoftMarginLoss, HingeEmbeddingLoss, MarginRankingLoss,
CosineEmbeddingLoss.

间隔类损失（SoftMarginLoss、HingeEmbeddingLoss、MarginRankingLoss、CosineEmbeddingLoss）的目标不是 1 或 -1。

A target of 0 is neither yes nor no: the loss multiplies by it, so these items have no gradient, or torch takes them for both.

目标 0 既不表示正类也不表示负类：损失会乘以目标，这些样本因此没有梯度；或者 torch 把它们同时当作两类。

{who} takes targets 1 and -1; {name} holds others

{who} 的目标应为 1 和 -1；而 {name} 中有其他值

{share} targets are {first}, not 1 or -1

{share} 个目标是 {first}，而不是 1 或 -1

the items of these targets have a meaningless loss: {loss} in all, and {right} with -1 in the place of 0

这些样本的损失没有意义：整体损失为 {loss}，把 0 换成 -1 则为 {right}

Targets outside [0, 1] where a loss takes 0 and 1.

损失需要 0 和 1，目标却超出 [0, 1]。

Looks for targets such as -1, 255 or class ids in losses of yes and no: BCEWithLogitsLoss, MultiLabelSoftMarginLoss.

BCEWithLogitsLoss、MultiLabelSoftMarginLoss 等二分类损失的目标是 -1、255 或类别编号之类的值。

The loss becomes negative, and has no minimum: it falls for ever while the logits grow.

损失会变成负数，而且没有最小值：logits 越大损失越小，没有尽头。

{who} takes targets from 0 to 1; {name} holds values from {low} to {high}

{who} 的目标应在 0 到 1 之间；而 {name} 的取值从 {low} 到 {high}

{share} targets lie outside [0, 1]

{share} 个目标超出 [0, 1]

the loss has no minimum: with outputs ten times as large, and on the side of the targets, it is {far}

损失没有最小值：输出朝目标方向放大到十倍，损失变为 {far}

use ({name} + 1) / 2

改用 ({name} + 1) / 2

use {name} / {high}

改用 {name} / {high}

give 0 and 1; for several classes use CrossEntropyLoss with class ids

目标用 0 和 1；多分类请用 CrossEntropyLoss 和类别编号

Input and target in each other's place.

输入与目标写反。

Looks for a target that the network made, beside an input that holds labels.

目标由网络算出，输入却是标签。

All losses take the network's output first. But for losses of a difference, the order matters.

所有损失都把网络输出放在第一位。只看两者之差的损失写反也不变，其余的则会出错。

{who} takes the network's output first; here {target} comes from the network, and {input} holds labels

{who} 的第一个参数应是网络输出；而这里 {target} 来自网络，{input} 是标签

{target} has a graph and {input} has none

{target} 有计算图，{input} 没有

the loss is {loss}; in their right places it is {right}

损失为 {loss}；放回正确的位置则为 {right}

swap them: {who}({target}, {input})

交换两者：{who}({target}, {input})

A batch of which nothing counts.

整个批次没有一项有效。

Looks for a mean over no element: all targets are the ignored one, or the batch is empty.

对零个元素求平均：所有目标都等于要忽略的值，或者批次为空。

The mean divides by 0: the loss is NaN, its gradient makes the weights NaN, and training is lost.

求平均时除以 0：损失为 NaN，它的梯度使所有参数变成 NaN，训练就此作废。

{who} takes the mean, and nothing in this batch counts

{who} 要求平均，而这个批次没有一项有效

the loss is {loss}, and one step with its gradient makes every weight NaN

损失为 {loss}，用它的梯度更新一步，所有参数都会变成 NaN

skip such a batch, or give losskit's loss a normalizer: it is then 0

跳过这样的批次，或给 losskit 的损失传 normalizer，损失就是 0

the input is empty: {shape}

input 为空：{shape}

all {count} targets are {ignored}

全部 {count} 个目标都是 {ignored}

Soft targets that are no probabilities.

软目标不是概率分布。

Looks for class probabilities that are negative, or sum to more than 1 over the classes.

类别概率中有负数，或沿类别维求和超过 1。

A negative target rewards a wrong answer without a limit: the loss has no minimum. Several ones in a row ask a softmax for
several certain answers at once; it can give at most the same share to each.

负的目标奖励错误答案，而且没有上限：损失没有最小值。一行中有多个 1，等于要求 softmax 同时确信多个答案，而它最多只能平分。

{who} takes class probabilities; {share} rows of the target are none

{who} 需要类别概率；目标中有 {share} 行不是

targets lie between {low} and {high}, and rows sum to between {least} and {most}

目标的取值在 {low} 与 {high} 之间，每行之和在 {least} 与 {most} 之间

where several labels hold at once, use BCEWithLogitsLoss; else divide by the sum of the row

若多个标签可以同时成立，使用 BCEWithLogitsLoss；否则除以每行之和

the loss has no minimum: it falls for ever while the logits grow

损失没有最小值：logits 越大损失越小，没有尽头

the loss of these rows cannot fall below {floor} on average

这些行的损失平均降不到 {floor} 以下

A batch of yes and no that a loss of classes takes for one sample.

多分类损失把一批二分类样本当成了一个样本。

Looks for an input and a floating-point target of shape (N), which cross-entropy takes for the N classes of one sample.

input 与浮点目标的形状都是 (N)，交叉熵会当作一个样本的 N 个类别。

The softmax then runs over the batch: the samples compete with each other.

softmax 因此沿批次进行：样本之间相互竞争。

{who} takes tensors of one dimension for the classes of a single sample

{who} 把一维张量当作单个样本的各个类别

{shapes}; the targets sum to {total}, not to 1

{shapes}；目标之和为 {total}，而不是 1

the softmax runs over the batch: the loss is {loss}, and cannot fall below {floor}

softmax 沿批次进行：损失为 {loss}，且降不到 {floor} 以下

for yes or no use BCEWithLogitsLoss

二分类请用 BCEWithLogitsLoss

A class id that no logit belongs to.

类别编号没有对应的 logit。

Looks for ids below 0 or not below the number of classes, but for the ignored one.

除要忽略的值之外，类别编号小于 0，或不小于类别数。

Torch raises on CPU; a GPU stops with an assertion that names neither the value nor the place.

torch 在 CPU 上报错；在 GPU 上触发断言而中止，看不出是哪个值、在哪里。

{who} has {classes} classes, with ids from 0 to {last}; the target holds others

{who} 有 {classes} 个类别，编号从 0 到 {last}；而目标中有其他值

ids from {low} to {high}; {share} are out of range

编号从 {low} 到 {high}；其中 {share} 个超出范围

torch raises, and on a GPU stops the process

torch 会报错，在 GPU 上则中止整个进程

give the last layer as many outputs as there are classes

让最后一层的输出个数等于类别数

ids that start at 1 need target - 1

编号从 1 开始时，使用 target - 1

if {odd} marks what does not count, use ignore_index={odd}

若 {odd} 表示不计入的项，使用 ignore_index={odd}

Label sequences that the steps cannot hold.

时间步不够，容不下标签序列。

Looks for samples of CTCLoss with fewer steps than labels; between equal neighbours one more step is needed.

CTCLoss 的样本中时间步比标签少；相邻标签相同时还要再多一步。

No path gives such a sequence: its loss is inf, and makes the loss of the batch inf. With zero_infinity it is 0: the sample is
left out, and nothing tells.

没有路径能给出这样的序列：它的损失是 inf，整个批次的损失也变成 inf。使用 zero_infinity 时它是 0：样本被略过，却没有任何提示。

{who} has fewer steps than some label sequences need

{who} 的时间步少于某些标签序列所需

{share} samples; the first needs {needed} steps and has {steps}

{share} 个样本如此；第一个需要 {needed} 步，只有 {steps} 步

use input_lengths that say how many steps there are, shorter targets, or a network that strides less

检查 input_lengths 是否等于实际步数，缩短目标，或减小网络的步幅

these samples have a loss of 0: nothing is learnt from them

这些样本的损失为 0：从中什么也学不到

the loss of these samples is inf, and so is that of the batch

这些样本的损失是 inf，整个批次的损失也是

The blank, or a label that there is not, in the targets of CTC.

CTC 的目标中有空白符，或不存在的标签。

Looks for labels below 0, not below the number of classes, or equal to the blank, within the target lengths.

在 target_lengths 之内，有标签小于 0、不小于类别数，或等于空白符。

The blank is no label: no path ends in it, and the loss is that of another sequence. A label out of range reads memory that is
not the input's; torch does not look.

空白符不是标签：没有路径以它结尾，算出的是另一个序列的损失。超出范围的标签会读到 input 之外的内存，而 torch 不检查。

{who} has the blank {blank} and labels below {classes}; the targets hold {what}

{who} 的空白符是 {blank}，标签应小于 {classes}；而目标中有 {what}

{share} labels within the target lengths are {what}

在 target_lengths 之内，{share} 个标签是 {what}

let the target lengths leave out padding; number the labels so that none is the blank

让 target_lengths 不包含填充；标签编号避开空白符

memory beyond the input is read: the loss is whatever stands there

读到了 input 之外的内存：损失取决于那里碰巧是什么

{first}, which is out of range

{first}（超出范围）

these samples are taught a sequence that cannot be read off the output

这些样本学的是一个无法从输出中读出的序列

the blank

空白符

A target distribution that holds logarithms or logits.

目标分布是对数或 logits。

Looks for negative values where KLDivLoss takes the target's probabilities.

KLDivLoss 需要目标的概率，其中却有负数。

The loss multiplies by the target: a negative target pushes the prediction away from it, without a limit.

损失会乘以目标：负的目标把预测推离自己，而且没有上限。

{who} takes the probabilities of the target; {name} holds {what}

{who} 需要目标的概率；而 {name} 是{what}

{share} values are negative, where no probability is

{share} 个值为负，概率不会如此

the loss is {loss} on this batch, and {right} with probabilities

在这个批次上损失为 {loss}，改用概率则为 {right}

use log_target=True

使用 log_target=True

use {name}.softmax(-1)

使用 {name}.softmax(-1)

Targets that the last activation cannot give.

目标超出了最后一个激活函数的取值范围。

Looks for targets of a regression outside the values of the network's last activation: negative ones behind a ReLU, those
beyond 1 behind a sigmoid or a tanh. Behind a softmax it looks for several labels at once in BCELoss.

回归的目标超出网络最后一个激活函数的取值范围：ReLU 之后的负目标，sigmoid 或 tanh 之后大于 1 的目标。softmax 之后则查找 BCELoss 中同时成立的多个标签。

The network cannot reach them, whatever it learns.

无论网络怎么学，都达不到这些目标。

the input of {who} can only lie between {low} and {high}; the targets lie between {least} and {most}

{who} 的输入只能落在 {low} 与 {high} 之间；而目标落在 {least} 与 {most} 之间

{evidence}; {share} targets are out of reach

{evidence}；{share} 个目标达不到

the loss cannot fall below {floor}, where that of the best constant is {constant}

损失降不到 {floor} 以下，而只输出最优常数时的损失是 {constant}

the input of {who} sums to 1 over the labels, of which several hold at once

{who} 的输入在各标签上之和为 1，而有多个标签同时成立

use BCEWithLogitsLoss on the output of the linear layer, or a sigmoid instead of the softmax

对线性层的输出使用 BCEWithLogitsLoss，或用 sigmoid 代替 softmax

drop the activation behind the last layer, or scale the targets

去掉最后一层之后的激活函数，或缩放目标

A rate where PoissonNLLLoss takes its logarithm.

PoissonNLLLoss 需要速率的对数，传入的却是速率。

Looks for an input that cannot be negative, such as the output of a softplus, while log_input is True, its default.

log_input 为默认值 True，输入却不可能为负，例如 softplus 的输出。

The loss takes the exponential of the rate for the rate: no rate below 1 can be learnt, and what the network gives is the
logarithm of what it is taken for.

损失把速率的指数当作速率：低于 1 的速率学不到，网络输出的其实是实际所用速率的对数。

{who} takes the logarithm of the rate; its input can never be negative, as a rate

{who} 需要速率的对数；而它的输入不可能为负，像是速率本身

{evidence}, and log_input is True

{evidence}，且 log_input 为 True

no rate below 1 can be learnt: the loss cannot fall below {floor}, where {least} is possible

低于 1 的速率学不到：损失降不到 {floor} 以下，而本来可以达到 {least}

use log_input=False, or give the output of the linear layer

使用 log_input=False，或直接传入线性层的输出

A rate, a count or a variance below 0.

速率、计数或方差小于 0。

Looks for negative counts, negative variances, and negative rates while log_input is False.

有负的计数、负的方差，或在 log_input 为 False 时有负的速率。

The logarithm of a negative rate is NaN, which reaches every weight in one step. There is no negative count, and no negative
variance.

负速率的对数是 NaN，一步就会传到所有参数。计数和方差也不可能为负。

{who} takes no negative {name}

{who} 的 {name} 不能为负

{share} values of {name} are negative, the least is {least}

{name} 中有 {share} 个值为负，最小的是 {least}

use softplus or exp behind the last layer, and counts as they are, not standardised

最后一层之后使用 softplus 或 exp；计数保持原样，不要标准化

A causal language model whose targets are its own inputs.

因果语言模型的目标就是它自己的输入。

Looks for targets that equal, place by place, the tokens that the network's embedding took, while the graph shows causal
attention.

目标与网络 embedding 的输入 token 逐位相同，而计算图中有因果注意力。

The model learns to copy the token that it sees, not to predict the next: the loss falls to 0, and nothing is learnt.

模型学会的是照抄看到的 token，而不是预测下一个：损失降到 0，却什么也没学到。

the targets of {who} are the tokens that the network was given, not the next ones

{who} 的目标是网络自己的输入 token，而不是下一个 token

{same} of {count} targets equal the token at their own place, and the graph has causal attention

{count} 个目标中有 {same} 个等于同一位置的 token，且计算图中有因果注意力

each answer stands in the input: the loss falls to 0 without a next token being learnt

答案就在输入里：损失会降到 0，却没有学会预测下一个 token

shift them: logits[:, :-1] with tokens[:, 1:]

错开一位：logits[:, :-1] 对 tokens[:, 1:]

Padding that the loss takes for tokens to be predicted.

损失把填充当成了要预测的 token。

Looks for targets that equal the padding_idx of the network's own embedding, or the one token that its attention hides,
while ignore_index is another number. Where nothing tells which token is padding, it notes one that fills the ends of
sequences of different lengths, and stands nowhere else.

目标中有网络 embedding 的 padding_idx，或注意力所隐藏的唯一 token，而 ignore_index 是另一个数。若无从得知哪个 token 是填充，
则对填满长短不一的序列末尾、且不在别处出现的 token 给出提示。

The loss then measures how well the network predicts padding, which is easy: it looks better than it is, and the gradient of
the real tokens is diluted.

损失因此也在衡量网络预测填充的能力，而这很容易：损失看起来偏低，真正 token 的梯度被稀释。

{who} counts {padding} as a class to be predicted

{who} 把{padding}当成了要预测的类别

the padding {token} of the network's embedding

网络 embedding 的填充 {token} 

the padding {token}, which the network's attention hides,

网络的注意力所隐藏的填充 {token} 

what seems to be padding, the token {token},

疑似填充的 token {token} 

{evidence}; ignore_index is {ignored}

{evidence}；而 ignore_index 是 {ignored}

{share} targets are {token}, the padding_idx of an embedding of {classes} tokens

{share} 个目标是 {token}，即大小为 {classes} 的 embedding 的 padding_idx

{share} targets are {token}, the token at all {places} places that attention hides

{share} 个目标是 {token}，即注意力所隐藏的全部 {places} 个位置上的 token

the rows of targets end in {least} to {most} times {token}, which stands nowhere else

目标的各行以 {least} 到 {most} 个 {token} 结尾，且它不在别处出现

{share} that it counts are padding: their mean loss is {easy}, that of the others {rest}

计入的 {share} 个是填充：其平均损失为 {easy}，其余为 {rest}

use ignore_index={token}

使用 ignore_index={token}

set the targets to {ignored} where attention_mask is 0

在 attention_mask 为 0 处把目标设为 {ignored}

if it is padding, set the targets to {ignored} there

若是填充，则把那里的目标设为 {ignored}
"""
