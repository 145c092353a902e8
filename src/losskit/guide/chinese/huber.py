"""HuberLoss in Chinese."""

TEXT = r"""
Squared error up to ``delta``, absolute error beyond it.

误差小于 ``delta`` 时为平方误差，超过后为绝对误差，对离群值稳健。

It is ``delta`` times :class:`SmoothL1Loss` of ``beta = delta``, so a larger ``delta`` also steepens its tails. With
``weight`` the mean still divides by the number of elements, as torch's ``huber_loss`` does.

它等于 ``beta = delta`` 的 :class:`SmoothL1Loss` 的 ``delta`` 倍，因此 ``delta`` 越大，两侧的线性段也越陡。
设置 ``weight`` 时，求平均仍除以元素个数，与 torch 的 ``huber_loss`` 一致。
"""
