"""MultiLabelSoftMarginLoss in Chinese."""

TEXT = r"""
Binary cross-entropy of each label's logit, averaged over the labels of an item.

多标签的二元交叉熵，每个标签的 logit 独立计算，再对样本的所有标签取平均。

Its mean equals that of :class:`BCEWithLogitsLoss` over (N, C). The difference is that here an item is a row:
``reduction="none"`` gives (N,), and ``mask`` and ``sample_weight`` have that shape. The mean divides by the number of rows,
whatever the weights.

其均值与 :class:`BCEWithLogitsLoss` 在 (N, C) 上的均值相等。区别在于这里以一行为一个样本：
``reduction="none"`` 返回 (N,)，``mask`` 和 ``sample_weight`` 也是该形状。求平均时除以行数，与权重无关。

Weight of each label, of shape (C).

各标签的权重，形状为 (C)。

Logits (no sigmoid before them), (C), (N, C) or (..., C) with C >= 1.

logits（前面不要加 sigmoid），形状 (C)、(N, C) 或 (..., C)，C >= 1。
"""
