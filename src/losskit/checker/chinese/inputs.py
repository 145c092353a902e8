"""LK1xx: the input."""

TEXT = """
A softmax before a loss that applies one itself.

损失函数内部已有 softmax，之前又做了一次 softmax。

Looks for probabilities where the loss takes the logits of classes.

损失需要各类别的 logits，传入的却是概率。

The softmax of probabilities is nearly uniform: with C classes the loss cannot fall below log(e + C - 1) - 1, and the gradient
is much smaller than that of logits. Training is slow, and stops too early.

对概率再做 softmax，结果接近均匀分布：C 个类别时损失降不到 log(e + C - 1) - 1 以下，梯度也比直接传入 logits 小得多。训练缓慢，
而且过早停滞。

{who} takes logits and applies a softmax itself; its input has been through a softmax already

{who} 需要 logits，内部会做 softmax；而它的输入已经做过一次 softmax

the loss cannot fall below {floor}, even where every answer is right and certain; on this batch the gradient at the logits has
{ratio} times the norm that it has without the softmax

即使每个答案都正确且确信，损失也降不到 {floor} 以下；在这个批次上，logits 处的梯度范数是去掉 softmax 后的 {ratio} 倍

give the logits to the loss; apply the softmax when predicting

把 logits 直接传给损失，预测时再做 softmax

A sigmoid (or a softmax) before a loss that applies a sigmoid itself.

损失函数内部已有 sigmoid，之前又做了一次 sigmoid（或 softmax）。

Looks for probabilities where the loss takes the logits of yes and no.

损失需要二分类的 logits，传入的却是概率。

The sigmoid of a probability lies between 0.5 and 0.73: the loss cannot fall below log 2 where the answer is no, and 0.31
where it is yes.

对概率再做 sigmoid，结果落在 0.5 与 0.73 之间：负样本的损失降不到 log 2 以下，正样本的降不到 0.31 以下。

{who} takes logits and applies a sigmoid itself; its input holds probabilities already

{who} 需要 logits，内部会做 sigmoid；而它的输入已经是概率

the loss cannot fall below {floor}, even where every answer is right and certain; on this batch the gradient at the logits has
{ratio} times the norm that it has without the sigmoid

即使每个答案都正确且确信，损失也降不到 {floor} 以下；在这个批次上，logits 处的梯度范数是去掉 sigmoid 后的 {ratio} 倍

give the logits to the loss; apply the sigmoid when predicting

把 logits 直接传给损失，预测时再做 sigmoid

Logits behind a sigmoid or a tanh, which keeps them from growing.

logits 经过了 sigmoid 或 tanh，取值受限。

Looks for logits that an activation holds between two numbers.

传入的 logits 被激活函数限制在两个数之间。

A logit between -1 and 1 never says "certain": the loss cannot come near 0, whatever the network learns.

-1 与 1 之间的 logit 表达不了“确信”：无论网络怎么学，损失都降不到 0 附近。

{who} takes logits of any size; its input lies between {low} and {high}

{who} 需要取值不受限的 logits；而它的输入只能落在 {low} 与 {high} 之间

the loss cannot fall below {floor}, even where every answer is right

即使每个答案都正确，损失也降不到 {floor} 以下

give the output of the linear layer to the loss, without an activation

把线性层的输出直接传给损失，不加激活函数

Log-probabilities where a loss takes the logits of yes and no.

损失需要二分类的 logits，传入的却是对数概率。

Looks for a log-softmax or a log-sigmoid before a loss that applies a sigmoid itself.

损失函数内部已有 sigmoid，之前做的却是 log_softmax 或 logsigmoid。

A log-probability is never positive, so its sigmoid is at most 0.5: the loss never believes a yes.

对数概率不会是正数，它的 sigmoid 最大为 0.5：损失永远不会认为样本是正类。

{who} takes logits; its input holds log-probabilities, which are never positive

{who} 需要 logits；而它的输入是对数概率，不会是正数

the loss of a yes cannot fall below log 2; on this batch the loss cannot fall below {floor}

正样本的损失降不到 log 2 以下；在这个批次上，损失降不到 {floor} 以下

give the output of the linear layer to the loss

把线性层的输出直接传给损失

A log-softmax before a loss that applies one itself.

损失函数内部已有 log_softmax，之前又做了一次 log_softmax。

Looks for log-probabilities where the loss takes the logits of classes.

损失需要各类别的 logits，传入的却是对数概率。

It is not: the log-softmax of log-probabilities changes nothing. It costs time and memory.

结果没有错：对数概率再做 log_softmax 不变，只是浪费时间和内存。

{who} applies a log-softmax itself; its input has been through one already

{who} 内部会做 log_softmax；而它的输入已经做过一次

none: value and gradient are the same

无：值和梯度都相同

leave it out, or use NLLLoss

去掉它，或改用 NLLLoss

Probabilities where a loss takes their logarithms.

损失需要对数概率，传入的却是概率。

Looks for the output of a softmax or a sigmoid where log-probabilities belong: NLLLoss, KLDivLoss, CTCLoss.

NLLLoss、KLDivLoss、CTCLoss 需要对数概率，传入的却是 softmax 或 sigmoid 的输出。

The loss of a probability p is then -p instead of -log p: a wrong answer costs at most 1, and its gradient vanishes just where
it is needed most.

概率 p 的损失变成了 -p 而不是 -log p：答错的代价至多为 1，而且恰恰在最需要梯度的地方梯度趋于 0。

{who} takes log-probabilities; {name} holds probabilities

{who} 需要对数概率；而 {name} 是概率

the loss is {loss} on this batch, where log-probabilities give {right}; the gradient at the logits has {ratio} times the norm
that it has with them

在这个批次上损失为 {loss}，改用对数概率则为 {right}；logits 处的梯度范数是正确写法的 {ratio} 倍

use log_softmax instead of softmax

把 softmax 换成 log_softmax

Logits where a loss takes log-probabilities.

损失需要对数概率，传入的却是 logits。

Looks for the output of a linear layer where log-probabilities belong: NLLLoss, KLDivLoss, CTCLoss.

NLLLoss、KLDivLoss、CTCLoss 需要对数概率，传入的却是线性层的输出。

The loss then has no minimum: it falls for ever while the logits grow, and nothing is learnt of the other classes.

损失没有最小值：logits 越大损失越小，没有尽头，而其他类别什么也学不到。

{who} takes log-probabilities; its input is the output of a layer, without a log-softmax

{who} 需要对数概率；而它的输入是网络层的输出，没有做 log_softmax

{evidence}; {share} values are positive

{evidence}；其中 {share} 个值为正

the loss has no minimum: with logits twice as large it changes from {loss} to {twice}

损失没有最小值：logits 放大到两倍，损失就从 {loss} 变为 {twice}

give {who} the log_softmax of the logits

对 logits 做 log_softmax 之后再传给 {who}

Logits or log-probabilities where a loss takes probabilities.

损失需要概率，传入的却是 logits 或对数概率。

Looks for an input of BCELoss with values outside [0, 1].

BCELoss 的输入中有 [0, 1] 之外的值。

BCELoss takes the logarithm of its input. Outside [0, 1] torch raises on CPU, and stops the GPU with an assertion; a batch
that happens to lie inside trains on nonsense.

BCELoss 要对输入取对数。输入超出 [0, 1] 时，torch 在 CPU 上报错，在 GPU 上触发断言而中止；碰巧全部落在其中的批次则按毫无意义的
值训练。

{who} takes probabilities; its input is not one

{who} 需要概率；而它的输入不是概率

{evidence}; {share} values lie outside [0, 1]

{evidence}；其中 {share} 个值超出 [0, 1]

the loss of these values is not defined

这些值的损失没有定义

A ReLU behind the last layer.

最后一层之后加了 ReLU。

Looks for logits that cannot be negative.

传入的 logits 不可能为负。

A ReLU gives no gradient where it is 0: a class whose logit is 0 on every sample is never learnt. Before a sigmoid it makes
every probability at least 0.5.

ReLU 为 0 时没有梯度：某个类别的 logit 若在所有样本上都是 0，就永远学不到。后接 sigmoid 时，所有概率都不低于 0.5。

{who} takes logits, which may be negative; its input has been through an activation that is never negative

{who} 需要可正可负的 logits；而它的输入经过了输出非负的激活函数

{evidence}; {share} logits are 0

{evidence}；其中 {share} 个 logits 为 0

the loss cannot fall below {floor}; {dead} elements whose target holds have the logit 0 and, behind a ReLU, no gradient

损失降不到 {floor} 以下；目标成立的元素中有 {dead} 个 logit 为 0，若经过 ReLU 则没有梯度

drop the activation behind the last layer

去掉最后一层之后的激活函数

A softmax over another dimension than that of the classes.

softmax 的 dim 不是类别维。

Looks for probabilities, or their logarithms, that sum to 1 over a dimension which is not that of the classes.

概率或对数概率沿另一个维度求和为 1，而不是沿类别维。

The samples of a batch then compete with each other instead of the classes of a sample.

结果变成同一批次的样本相互竞争，而不是同一样本的类别相互竞争。

{who} has its classes in dimension {dim}; {name} sums to 1 over dimension {over}

{who} 的类别在第 {dim} 维；而 {name} 沿第 {over} 维求和为 1

{evidence}; over dimension {dim} the sums lie between {low} and {high}

{evidence}；沿第 {dim} 维求和落在 {low} 与 {high} 之间

the probabilities of a sample are wrong by a factor of up to {factor}

单个样本的概率最多偏离 {factor} 倍

use softmax or log_softmax with dim={dim}

softmax 或 log_softmax 使用 dim={dim}

A softmax over a single column.

对单独一列做 softmax。

Looks for the output of a softmax that is 1 everywhere, or of a log-softmax that is 0 everywhere.

softmax 的输出处处为 1，或 log_softmax 的输出处处为 0。

The softmax of one number is 1, whatever the number: the network has no influence, and gets no gradient.

一个数的 softmax 恒为 1，与这个数无关：网络不起任何作用，也得不到梯度。

the input of {who} is the softmax of a single number, which is always 1

{who} 的输入是单个数的 softmax，恒为 1

{evidence}; all {count} values are {always}

{evidence}；全部 {count} 个值都是 {always}

no gradient reaches the network

网络得不到梯度

for yes or no give one logit to BCEWithLogitsLoss, or two to CrossEntropyLoss

二分类请把一个 logit 传给 BCEWithLogitsLoss，或把两个 logit 传给 CrossEntropyLoss

A loss of several classes that gets a single logit.

多分类损失只得到一个 logit。

Looks for a dimension of classes of size 1.

类别维的大小为 1。

There is no other class to compare with: the loss is 0 (of margins: a constant), and the network gets no gradient.

没有别的类别可比：损失恒为 0（间隔类损失为常数），网络得不到梯度。

{who} compares classes, and its input has a single one

{who} 要比较各个类别，而它的输入只有一个类别

the input has shape {shape}, with the classes in dimension {dim}

input 的形状是 {shape}，类别在第 {dim} 维

the loss is {loss} whatever the network says, and no gradient reaches it

无论网络输出什么，损失都是 {loss}，网络得不到梯度

Classes in the last dimension, where the loss looks for them in dimension 1.

类别放在最后一维，而损失要求放在第 1 维。

Looks for the output of a linear layer (N, T, C) with T = C, which a loss of (N, C, T) takes without an error.

线性层的输出为 (N, T, C)，恰好 T = C，按 (N, C, T) 理解的损失不会报错。

The softmax then runs over the steps, and a target is compared with the logits of other steps.

softmax 因此沿时间步进行，目标对上的是其他时间步的 logits。

{who} has its classes in dimension {dim}; those of this input lie in the last

{who} 的类别在第 {dim} 维；而这个输入的类别在最后一维

the input, of shape {shape}, comes from a linear layer without a transposition; both dimensions have size {size}

input 的形状是 {shape}，直接来自线性层而没有转置；这两个维度的大小都是 {size}

the loss is {loss}; with the classes in their place it is {right}

损失为 {loss}；把类别放到正确的维度则为 {right}

use input.movedim(-1, 1), or losskit's dim=-1

使用 input.movedim(-1, 1)，或 losskit 的 dim=-1

{dim}, before it was flattened

{dim}（展平之前）
"""
