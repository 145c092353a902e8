"""MSELoss in Chinese."""

TEXT = r"""
Squared error.

平方误差，回归任务的标准损失。

Its minimiser is the mean of the target. With ``weight`` the mean divides by the sum of the weights, as in torch's
``mse_loss``.

最优预测是目标的均值。设置 ``weight`` 时，求平均除以权重之和，与 torch 的 ``mse_loss`` 一致。
"""
