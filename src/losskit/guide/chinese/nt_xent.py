"""NTXentLoss in Chinese."""

TEXT = r"""
Cross-entropy of finding the other view of an item among all views of the batch, by cosine similarity.

SimCLR 的对比损失，按余弦相似度，从批次的所有视图中找出同一样本的另一个视图，对此做交叉熵。

where the anchor a and its positive p are the two views of an item, in either order, T is the temperature, and k runs over
both views of all items: those of the other items are the negatives. A view is never compared with itself. This is the loss
of SimCLR, known as InfoNCE too. Any leading dimensions are taken as one batch.

其中锚点 a 和正例 p 是同一样本的两个视图，先后不限；T 为温度；k 遍历所有样本的两个视图，其他样本的视图即为负例。
视图不与自身比较。这就是 SimCLR 的损失，也称 InfoNCE。前面的所有维度合并为一个批次。

A masked item is not used as a negative; one whose ``sample_weight`` is 0 still is. The mean divides by the number of items.
Items see each other, so that micro-batches do not add up to the batch. An item without negatives, as in a batch of one,
has a loss of 0. A vector of zeros has a cosine of 0 to any other.

被掩码的样本不作为负例；``sample_weight`` 为 0 的样本仍作为负例。求平均时除以样本数。样本之间相互比较，
因此各微批次的损失加起来不等于整个批次的损失。没有负例的样本（例如批次中只有一个样本）损失为 0。
零向量与任何向量的余弦都是 0。

With ``process_group`` the negatives come from all ranks: each rank has the loss of its own items, and gradients flow to the
views of the others. Every rank must then call the loss and its backward. If all ranks have equally many items, the
gradients that DistributedDataParallel averages equal those of one process with the whole batch; otherwise give
``normalizer=losskit.global_count(criterion, first)``. The compiler breaks its graph there.

设置 ``process_group`` 后，负例来自所有 rank：每个 rank 计算自己样本的损失，梯度会传回其他 rank 的视图，
因此每个 rank 都必须调用该损失及其 backward。若各 rank 样本数相同，DistributedDataParallel
平均后的梯度与单进程处理整个批次的梯度相同；否则请传入
``normalizer=losskit.global_count(criterion, first)``。编译器会在此处断图。

What the cosines are divided by; the smaller, the more near negatives count.

温度，余弦除以它；越小，越看重与锚点接近的负例。

The ranks that negatives come from, ``torch.distributed.group.WORLD`` for all; None for this process alone.

负例来自哪些 rank，``torch.distributed.group.WORLD`` 表示全部，None 表示仅本进程。
"""
