"""SoftMarginLoss in Chinese."""

TEXT = r"""
Logistic loss of a score for an answer of 1 or -1.

标签为 ±1 的二分类逻辑损失（1 或 -1，不是 0 和 1）。

It equals :class:`BCEWithLogitsLoss` with targets 1 and -1 instead of 1 and 0: the sigmoid of the score is the probability
of 1. It does not overflow: at x = -200 and y = 1 the loss is 200, its gradient -1. The mean divides by the number of
elements.

它与 :class:`BCEWithLogitsLoss` 等价，只是目标为 1 和 -1，而不是 1 和 0：得分经 sigmoid 即为目标取 1 的概率。
它不会溢出：x = -200、y = 1 时损失为 200，梯度为 -1。求平均时除以元素个数。
"""
