"""PoissonNLLLoss in Chinese."""

TEXT = r"""
Negative log-probability of a count under a Poisson distribution whose rate is predicted.

泊松负对数似然，网络预测泊松分布的速率，用于计数数据的回归。

or, of rates,

或输入为速率时

The input is the logarithm of the rate; with ``log_input=False`` it is the rate, which must not be negative: then end the
network in an exponential. ``predict()`` takes the output before that exponential, and applies it, so that it gives a rate
either way.

输入是速率的对数；``log_input=False`` 时输入是速率本身，不能为负，网络应以 exp 结尾。
``predict()`` 接收 exp 之前的输出并替你做 exp，因此两种情况下返回的都是速率。

Without ``full`` the loss omits log(y!), which depends on the target alone: it can be negative, and its value does not show
how good the fit is. ``full`` adds Stirling's approximation s(y) = y log y - y + log(2 pi y) / 2, for counts above 1, as
torch does. The mean divides by the number of elements.

``full`` 为 False 时省略只与目标有关的 log(y!)：损失可能为负，数值大小不反映拟合好坏。``full`` 为
True 时，对大于 1 的计数加上斯特林近似 s(y) = y log y - y + log(2 pi y) / 2，与 torch 一致。求平均时除以元素个数。

Whether the input is the logarithm of the rate, not the rate.

输入是速率的对数，还是速率本身。

Whether to add s(y), Stirling's approximation of log(y!).

是否加上 s(y)，即 log(y!) 的斯特林近似。

Added to a rate before its logarithm is taken; log-rates need none.

取对数前加到速率上的小量；输入为对数速率时不需要。

A count, not negative, of the shape of input.

计数，非负，形状与 input 相同。
"""
