"""HingeEmbeddingLoss in Chinese."""

TEXT = r"""
Distance of similar pairs (1), and shortfall from the margin of dissimilar ones (-1).

相似对（1）取距离本身，不相似对（-1）取距离不足间隔的部分。

``input`` is a distance that you compute, one for each pair. It is not checked to be positive: a similarity given by
mistake would be pushed down without limit. The mean divides by the number of elements.

``input`` 是你自行计算的距离，每个样本对一个。这里不检查它是否为正：若误传相似度，
相似度会被无限压低。求平均时除以元素个数。

Distance that dissimilar pairs should keep.

间隔，不相似对应保持的距离。
"""
