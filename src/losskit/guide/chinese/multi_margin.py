"""MultiMarginLoss in Chinese."""

TEXT = r"""
Hinge for one class of several: how much the right score falls short of each other one plus the margin.

多分类合页损失（hinge loss），正确类别的得分若没有比其他类别高出一个间隔，则计入不足的部分。

An answer that is right by the margin has no loss and no gradient. The scores only rank the classes: ``probabilities``
gives their softmax, which sums to 1 but is not calibrated. The mean divides by the number of items, whatever the weights,
as in torch. It takes (N, C, ...) as well, with the classes in dimension 1.

正确类别领先达到间隔后，既没有损失也没有梯度。得分只反映类别的先后：``probabilities`` 返回其
softmax，各类之和为 1，但未经校准。与 torch 一样，求平均时除以样本数，与权重无关。
也支持 (N, C, ...)，类别在第 1 维。

The power of the shortfall.

不足部分的幂次。

By how much the right score should exceed each other one.

间隔，正确类别的得分至少应比其他类别高出的量。

Scores (no softmax before them), (C), (N, C) or (N, C, ...) with at least two classes.

得分（前面不要加 softmax），形状 (C)、(N, C) 或 (N, C, ...)，至少两个类别。
"""
