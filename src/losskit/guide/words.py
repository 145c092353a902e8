"""What the guide says, in each language."""

from __future__ import annotations

from losskit.core.head import Encoding, Situation, Task

LANGUAGES = ("en", "zh")

#: For each phrase: English, Chinese.
PHRASES: dict[str, tuple[str, str]] = {
    "task": ("Task", "任务"),
    "take": ("Take", "选用"),
    "with": ("with", "参数"),
    "adaptive": ("torch's layer for large vocabularies, its targets checked", "torch 的大词表自适应层，并检查目标。"),
    "output": ("network's output", "网络输出"),
    "training": ("last layer, training", "最后一层（训练时）"),
    "predicting": ("last layer, predicting", "最后一层（预测时）"),
    "nothing": ("nothing: the output of the linear layer goes into the loss", "不加激活：线性层的输出直接送入损失函数"),
    "as is": ("nothing: the output is the answer", "不加激活：输出就是答案"),
    "target": ("target", "目标"),
    "why": ("because", "理由"),
    "suits": ("made for", "适用于"),
    "standard": ("the standard loss of this task", "该任务的标准损失"),
    "serves": ("it serves this task", "可用于该任务"),
    "also": ("also", "其他可选"),
    "optimizers": ("Optimizers to start with", "可先尝试的优化器与学习率"),
    "code": ("Code", "代码"),
    "none": ("no loss of this task takes", "该任务没有损失函数接受"),
    "explain": ("more about it", "了解更多"),
    "compare": ("does the choice matter on your data?", "在你的数据上，选择哪个损失真的重要吗？"),
    "all tasks": ("Which loss for which task", "什么任务用什么损失"),
    "narrow": ("Say more with", "进一步指定"),
    "give": ("give instead", "请改为给出"),
}

TASKS: dict[Task, tuple[str, str]] = {
    Task.REGRESSION: ("a number, or several", "预测一个或多个数值"),
    Task.BINARY: ("yes or no", "二分类：是或否"),
    Task.MULTICLASS: ("one class of several", "多分类：多个类别中选一个"),
    Task.MULTILABEL: ("yes or no for each of several labels", "多标签：每个标签是或否"),
    Task.COUNTS: ("how often something happens", "计数：某事发生多少次"),
    Task.DISTILLATION: ("a teacher's probabilities", "蒸馏：拟合教师模型的概率"),
    Task.RANKING: ("which of two comes first", "排序：两个之中谁在前"),
    Task.EMBEDDING: ("vectors that lie close where things are alike", "嵌入：相似的东西向量相近"),
    Task.SEQUENCE: ("labels in order, their places unknown", "序列：知道标签次序，不知道对齐位置"),
}

TARGETS: dict[Encoding, tuple[str, str]] = {
    Encoding.VALUE: ("float, of the output's shape (N, K)", "浮点数，形状与输出相同 (N, K)"),
    Encoding.IDS: ("int64 class ids, shape (N,): not one-hot", "int64 类别编号，形状 (N,)：不要用 one-hot"),
    Encoding.ONE_HOT: ("float one-hot rows, shape (N, C)", "浮点 one-hot 行，形状 (N, C)"),
    Encoding.ZERO_ONE: (
        "0 or 1 (float or bool), shape (N, 1) as the output",
        "0 或 1（浮点或布尔），形状与输出相同 (N, 1)",
    ),
    Encoding.MULTI_HOT: ("0 or 1 for each label, shape (N, L)", "每个标签 0 或 1，形状 (N, L)"),
    Encoding.PLUS_MINUS_ONE: ("1 or -1, shape (N, 1): not 0 and 1", "1 或 -1，形状 (N, 1)：不是 0 和 1"),
    Encoding.PLUS_MINUS_ONE_EACH: ("1 or -1 for each label, shape (N, L)", "每个标签 1 或 -1，形状 (N, L)"),
    Encoding.LABEL_LIST: (
        "int64 ids of the labels that hold, then -1, shape (N, L)",
        "成立标签的 int64 编号，其后填 -1，形状 (N, L)",
    ),
    Encoding.PROBABILITIES: ("float probabilities that sum to 1, shape (N, C)", "和为 1 的浮点概率，形状 (N, C)"),
    Encoding.LOG_PROBABILITIES: ("logarithms of probabilities, shape (N, C)", "概率的对数，形状 (N, C)"),
    Encoding.SEQUENCE: (
        "int64 labels (N, S) without the blank, and both lengths",
        "不含空白符的 int64 标签 (N, S)，以及两种长度",
    ),
    Encoding.NONE: (
        "outputs are compared with each other; a target, where it takes one, says how",
        "输出之间互相比较；如有目标，则由目标指明怎样比较",
    ),
}

#: What each loss is, in Chinese; the English is the first line of its docstring.
LOSSES = {
    "ArcFaceLoss": "人脸识别常用的角度间隔损失：正确类别的夹角要多让出一个间隔，类别权重由损失自带。",
    "BCELoss": "目标在给定概率下的负对数概率：是或否。",
    "BCEWithLogitsLoss": "logit 经 sigmoid 后给出目标的负对数概率：是或否，或每个标签各自是或否。",
    "CTCLoss": "在所有可能的对齐方式下，标签序列的负对数概率。",
    "ContrastiveLoss": "成对向量的对比损失：相似对拉近，不相似对推到间隔之外。",
    "CosineEmbeddingLoss": "两个向量的夹角：相似的靠近，不相似的分开。",
    "CrossEntropyLoss": "logits 经 softmax 后给出目标类别的负对数概率。",
    "DiceLoss": "Dice 损失：预测区域与真实区域的重叠度与 1 的差距，常用于前景占比很小的图像分割。",
    "FocalLoss": "降低已答对样本权重的二元交叉熵。",
    "GaussianNLLLoss": "目标在给定均值和方差的高斯分布下的负对数概率。",
    "HingeEmbeddingLoss": "距离：相似的缩短，不相似的推到间隔之外。",
    "HuberLoss": "误差小于 delta 时取平方，大于时取绝对值。",
    "KLDivLoss": "预测分布偏离目标分布的散度，逐项给出。",
    "L1Loss": "绝对误差，也叫 MAE。",
    "LinearCrossEntropyLoss": "自带最后一层的交叉熵，从不同时保存所有行的 logits。",
    "MSELoss": "平方误差。",
    "MarginRankingLoss": "两个分数的次序，相差至少一个间隔。",
    "MultiLabelMarginLoss": "成立的标签得分应高出其他标签一个间隔。",
    "MultiLabelSoftMarginLoss": "每个标签各自是或否，对标签取平均。",
    "MultiMarginLoss": "正确类别的得分应高出其他类别一个间隔。",
    "NLLLoss": "目标类别的负对数概率，log-softmax 由你自己计算。",
    "NTXentLoss": "SimCLR 的对比损失：同一样本的两个视图互为正例，同批其他样本均为负例。",
    "PoissonNLLLoss": "计数在给定速率的泊松分布下的负对数概率。",
    "QuantileLoss": "分位数损失（pinball loss）：高估与低估的惩罚不对称，预测的是分位数。",
    "SmoothL1Loss": "误差小于 beta 时取平方，大于时取绝对值。",
    "SoftMarginLoss": "以 1 或 -1 表示的是或否的逻辑损失。",
    "SoftmaxFocalLoss": "降低已答对样本权重的交叉熵。",
    "TripletMarginLoss": "锚点离同类应比离异类近一个间隔。",
    "TripletMarginWithDistanceLoss": "同 TripletMarginLoss，距离函数由你给出。",
}

SITUATIONS: dict[Situation, tuple[str, str]] = {
    Situation.OUTLIERS: ("outliers", "离群值"),
    Situation.IMBALANCED: ("classes of unequal size", "类别不平衡"),
}


def say(what: str | Task | Encoding | Situation, language: str) -> str:
    """A phrase, or what a task, a target or a situation is, in ``language``."""
    which = LANGUAGES.index(language)
    if isinstance(what, Task):
        return TASKS[what][which]
    if isinstance(what, Encoding):
        return TARGETS[what][which]
    if isinstance(what, Situation):
        return SITUATIONS[what][which]
    return PHRASES[what][which]
