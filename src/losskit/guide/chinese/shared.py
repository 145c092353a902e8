"""What several losses say: arguments, tensors, gradients."""

TEXT = r"""
``'none'`` keeps one value an item, ``'sum'`` adds them, ``'mean'`` divides the sum by what counts.

归约方式，``'none'`` 不归约，``'sum'`` 求和，``'mean'`` 将总和除以有效项数（或权重之和）。

``'none'`` keeps one value an item, ``'sum'`` adds them, ``'mean'`` divides the sum by what counts, ``'batchmean'`` by the
rows that count.

归约方式，``'none'`` 不归约，``'sum'`` 求和，``'mean'`` 将总和除以有效项数（或权重之和），``'batchmean'`` 除以有效行数。

Weight of each class, of shape (C).

各类别的权重，形状为 (C)。

Weight of each element; broadcasts to the input.

各元素的权重，可广播到 input 的形状。

Weight of each element, of the input's shape.

各元素的权重，形状与 input 相同。

A target of this value has no loss, no gradient and no place in the mean.

目标等于该值的样本没有损失和梯度，也不计入平均。

Share of the target that is spread evenly over the classes.

标签平滑系数，即目标中均匀分给所有类别的比例。

Error, in units of the target, at which the loss turns linear.

损失由二次转为线性的误差值，单位与目标相同。

By how much farther the negative should be.

负样本至少应比正样本远出的间隔。

Whether the negative may also be too near to the positive.

负样本离正样本过近时是否也计入损失。

Number of classes, C.

类别数 C。

Real numbers, of any shape.

实数，形状任意。

Real numbers, of the shape of input.

实数，形状与 input 相同。

1 or -1, in any signed dtype, one for each item.

1 或 -1，任意有符号 dtype，每个样本一个。

Class ids in [0, C), of any integer dtype, one for each item.

[0, C) 内的类别编号，任意整数 dtype，每个样本一个。

Class ids in [0, C), of any integer dtype, one for each item; or class probabilities, of the shape of input.

[0, C) 内的类别编号，任意整数 dtype，每个样本一个；或各类别的概率，形状与 input 相同。

Logits (no sigmoid before them), of any shape.

logits（前面不要加 sigmoid），形状任意。

Logits (no softmax before them), (C), (N, C) or (N, C, ...) with at least two classes.

logits（前面不要加 softmax），形状 (C)、(N, C) 或 (N, C, ...)，至少两个类别。

Probabilities in [0, 1] (a sigmoid before them), of any shape.

[0, 1] 内的概率（前面要加 sigmoid），形状任意。

0 or 1, or a probability between them, in any dtype (bool and integers too), of the shape of input.

0 或 1，也可以是两者之间的概率，任意 dtype（包括 bool 和整数），形状与 input 相同。

Real numbers, a vector for each item, (D), (N, D) or (..., D).

实数，每个样本一个向量，形状 (D)、(N, D) 或 (..., D)。

Real numbers, a vector for each item, (D), (N, D) or (..., D); of the shape of first.

实数，每个样本一个向量，形状 (D)、(N, D) 或 (..., D)，与 first 相同。

Real numbers, a vector for each item, (D), (N, D) or (..., D); of the shape of anchor.

实数，每个样本一个向量，形状 (D)、(N, D) 或 (..., D)，与 anchor 相同。

Gradient at an error of

误差取下列值时的梯度

It grows with the error: one outlier can outweigh a whole batch.

梯度随误差增大：一个离群值的影响就可能盖过整个批次。

It stops growing: an outlier pulls no harder than any large error.

梯度到一定程度不再增大：离群值的影响不会超过普通的大误差。

Gradient where the right answer has the probability

正确类别的预测概率取下列值时的梯度

Gradient where the right class leads by a logit of

正确类别的 logit 领先下列值时的梯度

Gradient where the right answer has a score of

正确类别的得分取下列值时的梯度

It grows with the mistake: one wrong label can outweigh a whole batch.

错得越离谱梯度越大：一个错误标签的影响就可能盖过整个批次。

A confident mistake pulls with bounded strength, so a wrong label does bounded harm.

即使错得很确信，梯度也有上界，因此错误标签的危害有限。
"""
