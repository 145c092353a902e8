"""NLLLoss in Chinese."""

TEXT = r"""
Negative log-probability of the target class, given log-probabilities.

以对数概率为输入的负对数似然，前面需自行加 log-softmax。

It is :class:`CrossEntropyLoss` without the log-softmax. A positive input raises an error: given probabilities, the loss
would be negative. The mean divides by the sum of the weights of the targets, as in torch. It takes (N, C, H, W) as well:
``NLLLoss2d`` is an old name for this, as in torch.

它就是去掉 log-softmax 的 :class:`CrossEntropyLoss`。输入为正会报错：若误传概率，损失会变成负数。
与 torch 一样，求平均时除以各目标的权重之和。也支持 (N, C, H, W)：
``NLLLoss2d`` 是这一用法的旧名，与 torch 相同。

Log-probabilities (a log-softmax before them), (C), (N, C) or (N, C, ...) with at least two classes.

对数概率（前面要加 log-softmax），形状 (C)、(N, C) 或 (N, C, ...)，至少两个类别。
"""
