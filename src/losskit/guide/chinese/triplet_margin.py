"""TripletMarginLoss in Chinese."""

TEXT = r"""
How much the distance to a negative example falls short of that to a positive one plus the margin.

三元组损失，锚点到负样本的距离若没有比到正样本的距离大一个间隔，则计入不足的部分。

With ``swap`` the negative's distance is the smaller of those to anchor and positive. If all embeddings become equal, the
loss stays at ``margin``. ``eps`` is added to each difference, as in torch, so that equal vectors lie a little apart; at
``eps=0`` equal vectors have a gradient of 0. The mean divides by the number of triplets.

启用 ``swap`` 时，负样本的距离取它到锚点和到正样本的距离中较小的一个。若所有嵌入向量坍缩成同一个向量，损失会停在
``margin``。与 torch 一样，每个差值都加上 ``eps``，因此相等的向量之间也有微小距离；
``eps=0`` 时相等向量的梯度为 0。求平均时除以三元组个数。

The norm: 2 for Euclid, 1 for the sum of the differences.

范数：2 为欧氏距离，1 为差值绝对值之和。

Added to each difference.

加到每个差值上的小量。
"""
