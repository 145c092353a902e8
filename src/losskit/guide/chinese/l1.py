"""L1Loss in Chinese."""

TEXT = r"""
Absolute error, also called MAE.

绝对误差，即 MAE。

Its minimiser is the median of the target, so a few outliers move it little. Unlike that of :class:`SmoothL1Loss`, its
gradient does not shrink near zero. With ``weight`` the mean divides by the sum of the weights, as in torch's ``l1_loss``.

最优预测是目标的中位数，因此少量离群值影响不大。与 :class:`SmoothL1Loss` 不同，它的梯度在零附近不会变小。
设置 ``weight`` 时，求平均除以权重之和，与 torch 的 ``l1_loss`` 一致。
"""
