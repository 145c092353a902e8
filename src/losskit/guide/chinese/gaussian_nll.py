"""GaussianNLLLoss in Chinese."""

TEXT = r"""
Negative log-probability of a number whose mean and variance are predicted.

高斯负对数似然，网络同时预测均值和方差，用于带不确定性估计的回归。

The term in brackets is added by ``full``. ``var`` is a number, or a tensor of the input's shape, or of that shape without
the last dimension, or with 1 in any dimension; the target may have such 1s as well, as torch documents for both. So for
an input (N, D) a ``var`` of shape (N) holds one variance per row. For one per column give it as (1, D): (D) raises an
error, except if N = D, where it is read as (N).

方括号内的项在 ``full`` 为 True 时才加上。``var`` 可以是一个数，或与输入同形状的张量，也可以缺少最后一维，
或在任意维上为 1；目标同样可以有为 1 的维度，这与 torch 文档一致。因此输入为 (N, D) 时，形状为
(N) 的 ``var`` 表示每行一个方差。每列一个方差请写成 (1, D)：写成 (D) 会报错，
除非 N = D，此时按 (N) 解释。

Below ``eps`` the gradient of ``var`` is that of the formula at ``eps``, as in torch, so that a variance can grow again. A
small variance makes a steep loss, which can be negative. The mean divides by the number of elements.

与 torch 一样，``var`` 小于 ``eps`` 时，其梯度取公式在 ``eps`` 处的梯度，方差因此还能重新增大。
方差很小时损失很陡，且可能为负。求平均时除以元素个数。

Whether to add the constant, half of log(2 pi).

是否加上常数项，即 log(2 pi) 的一半。

Smallest variance; ``var`` is clamped at it (at 0: at the smallest normal number).

方差的下限，``var`` 会截断到该值（设为 0 时截断到最小的正规浮点数）。

Real numbers, of the shape of input, or with 1 in the place of any of its dimensions.

实数，形状与 input 相同，或在任意维上为 1。

A variance, not negative, of the shape of input, or with 1 in the place of any of its dimensions.

方差，非负，形状与 input 相同，或在任意维上为 1。
"""
