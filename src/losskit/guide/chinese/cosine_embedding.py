"""CosineEmbeddingLoss in Chinese."""

TEXT = r"""
1 minus the cosine of similar vectors (1), and the excess over the margin of dissimilar ones (-1).

相似对（1）取 1 减去余弦相似度，不相似对（-1）取余弦相似度超出间隔的部分。

A vector of zeros has no direction: its cosine is 0, and its gradient is that of a vector of length 1. Vectors may have any
length (torch adds 1e-12 to the squared lengths, which halves the cosine of vectors of length 1e-6, and overflows for long
ones). The mean divides by the number of pairs.

零向量没有方向：余弦按 0 计，梯度按长度为 1 的向量计算。向量长度不限（torch 给长度的平方加上 1e-12，
这会使长度为 1e-6 的向量余弦减半，向量很长时还会溢出）。求平均时除以样本对数。

Cosine up to which dissimilar pairs have no loss.

间隔，不相似对的余弦不超过它就没有损失。

Real numbers, a vector for each item, (D), (N, D) or (..., D); of the shape of input1.

实数，每个样本一个向量，形状 (D)、(N, D) 或 (..., D)，与 input1 相同。
"""
