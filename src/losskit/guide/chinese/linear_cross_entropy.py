"""LinearCrossEntropyLoss in Chinese."""

TEXT = r"""
Cross-entropy of the logits of a last linear layer that it owns, of which only a few rows exist at a time.

自带最后一个线性层的交叉熵，任何时刻只计算少数几行的 logits，适合大词表。

The network ends before its last layer: feed it what goes into that layer. Value and gradients are those of
:class:`CrossEntropyLoss` behind ``nn.Linear``, masks, weights, smoothing and denominators included, but the logits of N rows
over a large vocabulary, and their gradient, are never held: forward goes through the rows in chunks and leaves no more than the
gradients of the input and the layer. It pays by memory, not by time. At ``reduction="none"`` the logits are computed twice.

网络不含最后一层：传入的是本应送进该层的特征。数值和梯度与 ``nn.Linear`` 之后接
:class:`CrossEntropyLoss` 相同，掩码、权重、标签平滑和分母也都一致；但大词表上 N 行的 logits 及其梯度从不整体存在内存中：
前向按块处理各行，只留下输入和该层的梯度。它节省的是内存，而不是时间。``reduction="none"`` 时 logits 会计算两遍。

Under ``torch.compile`` backward computes each chunk once more (a checkpoint). Under ``torch.func`` and for a second
derivative no single tensor is larger than a chunk, but what all chunks save adds up. In half precision the logits
are rounded to the input's dtype, as behind ``nn.Linear`` (float16 on CPU: computed in float32, which is faster there); the
loss and the sums over rows are in float32.

在 ``torch.compile`` 下，反向会重新计算每一块（即 checkpoint）。在 ``torch.func`` 下或求二阶导数时，
单个张量不会大于一块，但各块保存的内容会累积。半精度下，logits 舍入到输入的 dtype，与
``nn.Linear`` 之后相同（CPU 上的 float16 按 float32 计算，那样更快）；损失和对行的求和使用 float32。

Width of the input, D.

输入的维度 D。

Sizes of further dimensions, each place of which has C logits of its own: the target is then of shape (N, \*out_features).

其余输出维度的大小，每个位置各有 C 个 logits；此时目标的形状为 (N, \*out_features)。

Whether the layer has a bias.

该层是否带偏置。

Where the layer is made.

该层所在的设备。

In which dtype the layer is made.

该层的 dtype。

A target of this value has no loss, no gradient and no place in the mean; None is -100.

目标等于该值的样本没有损失和梯度，也不计入平均；None 即 -100。

Rows whose logits exist at once; 0: as many as fit in 52 MiB, on a GPU in 128 MiB.

同时存在 logits 的行数；0 表示 52 MiB（GPU 上为 128 MiB）所能容纳的行数。

Torch's ``LinearCrossEntropyOptions``, of which ``batch_chunk_size`` serves as ``chunk_size``; the rest concerns torch's
implementation.

torch 的 ``LinearCrossEntropyOptions``，其中 ``batch_chunk_size`` 用作 ``chunk_size``；其余选项只与 torch 的实现有关。

Real numbers, (D) or (N, D): what goes into the last layer.

实数，形状 (D) 或 (N, D)：送入最后一层的特征。

Class ids in [0, C), () or (N), of any integer dtype; or class probabilities, (C) or (N, C). With out_features
(N, \*out_features), or (N, C, \*out_features).

[0, C) 内的类别编号，形状 () 或 (N)，任意整数 dtype；或各类别的概率，形状 (C) 或 (N, C)。设置 out_features 时为
(N, \*out_features) 或 (N, C, \*out_features)。
"""
