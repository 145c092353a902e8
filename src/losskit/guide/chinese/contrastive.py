"""ContrastiveLoss in Chinese."""

TEXT = r"""
Squared distance of similar vectors (1), and squared shortfall from the margin of dissimilar ones (0).

成对向量的对比损失，相似对（1）取距离的平方，不相似对（0）取距离不足间隔部分的平方。

The target is 1 for similar pairs, as in most code; Hadsell's Y is 0 there. Equal vectors have a gradient of 0, even if they
should lie apart. If embeddings are normalised to length 1, no distance exceeds 2, and neither should the margin.
:class:`HingeEmbeddingLoss` is the same without squares, for a distance that you compute. The mean divides by the number
of pairs.

与多数代码一致，相似对的目标为 1；Hadsell 论文中的 Y 在此处为 0。两个向量完全相等时梯度为 0，即使它们本应分开。
若嵌入向量已归一化到长度 1，距离不会超过 2，间隔也不应超过 2。
:class:`HingeEmbeddingLoss` 与之相同但不取平方，距离由你自行计算。求平均时除以样本对数。

Distance beyond which dissimilar pairs have no loss.

间隔，不相似对的距离超过它就不再有损失。

0 or 1, in any dtype (bool and integers too), one for each item.

0 或 1，任意 dtype（包括 bool 和整数），每个样本对一个。
"""
