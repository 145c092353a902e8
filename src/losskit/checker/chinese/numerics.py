"""LK4xx: numerics."""

TEXT = """
A loss of torch that is NaN or inf although its limit is finite.

torch 的损失是 NaN 或 inf，而它的极限是有限值。

Where torch's loss is not finite, computes it by losskit's formula, which takes 0 * inf for 0 and does not overflow.

torch 的损失不是有限值时，再用 losskit 的公式计算：它把 0 * inf 当作 0，也不会溢出。

One step with a NaN gradient makes every weight NaN. Logits of -inf (masked classes) under label smoothing, a target of 0
beside a log-probability of -inf, and large margins do that in torch.

用 NaN 梯度更新一步，所有参数都变成 NaN。在 torch 中，标签平滑遇到值为 -inf 的 logits（被屏蔽的类别）、目标 0 遇到值为 -inf 的
对数概率、间隔过大，都会如此。

torch's {who} is {loss} on this batch, and its limit is finite

在这个批次上 torch 的 {who} 为 {loss}，而它的极限是有限值

losskit's formula gives {right}

losskit 的公式得到 {right}

one step with this gradient makes the weights NaN

用这个梯度更新一步，参数就变成 NaN

use losskit.{own}, which has torch's arguments

使用 losskit.{own}，参数与 torch 相同

Wrong answers behind a saturated sigmoid, which get no gradient.

sigmoid 饱和，答错的样本得不到梯度。

Looks for probabilities of exactly 0 or 1 that are wrong, behind a sigmoid or a softmax, in BCELoss.

BCELoss 的输入来自 sigmoid 或 softmax，其中有恰好为 0 或 1 且答错的概率。

In float32 a sigmoid is exactly 1 from a logit of 17 on, in half precision much earlier. Its own gradient is then 0: the
answers that are most wrong are never mended.

float32 下，logit 从 17 起 sigmoid 就恰好等于 1，半精度下早得多。此时它自身的梯度为 0：错得最离谱的样本永远得不到纠正。

{who} gets probabilities of exactly 0 or 1 that are wrong

{who} 得到了恰好为 0 或 1 且答错的概率

{evidence}; {share} elements are certain and wrong

{evidence}；其中 {share} 个元素既确信又答错

these elements have the largest loss, and no gradient

这些元素的损失最大，却没有梯度

A loss computed in half precision, which is another number.

用半精度计算的损失，数值已经不同。

Computes the loss of a half-precision call in float32, too, and compares.

对半精度的调用再用 float32 计算一次，比较两者。

float16 overflows at 65504, which a sum over rows soon reaches; bfloat16 has 3 digits, so that a loss of 2.51 is the same as
one of 2.52.

float16 到 65504 就溢出，对行求和很快就会达到；bfloat16 只有 3 位有效数字，损失 2.51 与 2.52 没有区别。

{who} is computed in {dtype}, and is {loss}; in float32 it is {right}

{who} 以 {dtype} 计算，得到 {loss}；以 float32 计算则为 {right}

the same tensors, in float32

同样的张量，以 float32 计算

the loss is off by {off}; its gradient is scaled likewise where it overflows

损失偏差 {off}；溢出时梯度也按同样比例改变

use input.float(), torch.autocast, or losskit's loss, which sums in float32

使用 input.float()、torch.autocast，或以 float32 求和的 losskit 损失

BCELoss under autocast.

在 autocast 中使用 BCELoss。

Looks for a loss of probabilities within torch.autocast, whose input is in half precision.

在 torch.autocast 中使用需要概率的损失，而它的输入是半精度。

Torch refuses it on a GPU: a probability in half precision is 1 or 0 long before the logit is large. On the CPU it computes
with what is left.

torch 在 GPU 上拒绝这样做：半精度的概率在 logit 还不大时就已经是 1 或 0。在 CPU 上则用剩下的精度计算。

{who} takes probabilities, and autocast has made them {dtype}

{who} 需要概率，而 autocast 把它变成了 {dtype}

torch.autocast is on for {device}

torch.autocast 在 {device} 上处于开启状态

the largest probability below 1 is {most}: no loss of a wrong answer is larger than {worst}, and torch refuses the call on a
GPU

小于 1 的最大概率是 {most}：答错的损失不会超过 {worst}，而且 torch 在 GPU 上拒绝这个调用

A target class whose logit is -inf.

目标类别的 logit 是 -inf。

Looks for masked classes, of logit -inf, that are the target all the same.

被屏蔽的类别（logit 为 -inf）却是目标。

Its probability is 0, so the loss is inf, and the gradient of the whole batch is useless.

它的概率是 0，损失因此是 inf，整个批次的梯度都没有用。

{who} has targets whose logit is -inf

{who} 有 logit 为 -inf 的目标

{share} targets are masked classes

{share} 个目标是被屏蔽的类别

the loss is {loss}

损失为 {loss}

do not mask the class of the target, or leave such items out with ignore_index

不要屏蔽目标类别，或用 ignore_index 略过这些项

The logarithm of a softmax, taken in two steps, where the softmax is 0.

分两步对 softmax 取对数，而 softmax 为 0。

Looks for torch.log(softmax(x)) before a loss of log-probabilities, and for values of -inf in it.

在需要对数概率的损失之前使用 torch.log(softmax(x))，其中有 -inf。

In float32 a softmax is 0 where a logit lies 104 below the largest. Its logarithm is -inf, and the gradient NaN; log_softmax
gives the right number.

float32 下，logit 比最大值小 104 时 softmax 就是 0。它的对数是 -inf，梯度是 NaN；log_softmax 给出正确的数值。

the input of {who} is the logarithm of a softmax in two steps

{who} 的输入是分两步算出的 softmax 的对数

{evidence}; {share} values are -inf

{evidence}；其中 {share} 个值是 -inf

use log_softmax, which is exact, and faster

使用 log_softmax，既精确又更快

A first loss far above that of an even guess.

初始损失远高于均匀猜测的损失。

Compares the first loss of a training with log C, the cross-entropy of C equal probabilities.

把训练的第一个损失与 log C 比较，即 C 个类别概率相等时的交叉熵。

It need not be. But a fresh network is as good as an even guess; one that starts far worse has logits that are too large:
features that are not scaled, or an initialisation that is too wide. The first steps are lost on that.

不一定有错。但刚初始化的网络应与均匀猜测相当；一开始就差得多，说明 logits 过大：特征没有缩放，或初始化的范围太宽。最初的若干步
都浪费在这上面。

the first loss of {who} is far above that of an even guess

{who} 的第一个损失远高于均匀猜测的损失

{loss}, where log {classes} is {even}

{loss}，而 log {classes} 是 {even}

the first steps are spent on making the logits smaller

最初的若干步只是在把 logits 变小

scale the features, or initialise the last layer with smaller weights

缩放特征，或用更小的权重初始化最后一层
"""
