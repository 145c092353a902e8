"""QuantileLoss in Chinese."""

TEXT = r"""
Absolute error with different weights above and below, also called pinball loss: it predicts a quantile.

分位数损失（pinball loss），高估与低估的权重不同，预测的是分位数。

At its minimum a share q of the targets lies below the prediction. At 0.5 it is half of :class:`L1Loss`.

损失最小时，有比例为 q 的目标低于预测值。取 0.5 时为 :class:`L1Loss` 的一半。

Several quantiles, ``quantile=(0.1, 0.5, 0.9)``, need one output each: the input is (..., Q), and the target has no last
dimension. An item is then one output: ``'none'`` keeps the input's shape, and a mask or weight of the target's shape
applies to all its quantiles. The quantiles are learnt separately, so that on little data a higher one may come out lower.

预测多个分位数时，如 ``quantile=(0.1, 0.5, 0.9)``，每个分位数需要一个输出：输入为 (..., Q)，目标没有最后一维。
此时每个输出为一项：``'none'`` 保留输入的形状，与目标同形状的掩码或权重作用于它的所有分位数。
各分位数分别学习，数据较少时可能出现高分位数反而低于低分位数的情况。

The mean divides by the number of elements of the input.

求平均时除以输入的元素个数。

The share of the targets that should lie below the prediction; a sequence for several outputs.

应低于预测值的目标所占的比例；有多个输出时为一个序列。
"""
