"""What the guide says, in each language; :mod:`losskit.guide.chinese` has the Chinese of the losses' documentation."""

from __future__ import annotations

from losskit.core.head import Encoding, Situation, Task

LANGUAGES = ("en", "zh")

#: For each phrase: English, Chinese.
PHRASES: dict[str, tuple[str, str]] = {
    "task": ("Task", "任务"),
    "take": ("Take", "推荐损失"),
    "with": ("with", "参数"),
    "adaptive": (
        "torch's layer for large vocabularies, its targets checked",
        "torch 的大词表自适应 softmax 层，附加目标检查",
    ),
    "output": ("network's output", "网络输出"),
    "training": ("last layer, training", "最后一层（训练）"),
    "predicting": ("last layer, predicting", "最后一层（预测）"),
    "nothing": (
        "nothing: the output of the linear layer goes into the loss",
        "不加激活函数，线性层的输出直接送入损失函数",
    ),
    "as is": ("nothing: the output is the answer", "不加激活函数，输出即答案"),
    "target": ("target", "目标"),
    "why": ("because", "理由"),
    "suits": ("made for", "适用于"),
    "standard": ("the standard loss of this task", "该任务的标准损失"),
    "serves": ("it serves this task", "可用于该任务"),
    "also": ("also", "其他可选"),
    "optimizers": ("Optimizers to start with", "可先尝试的优化器和学习率"),
    "code": ("Code", "代码"),
    "none": ("no loss of this task takes", "该任务没有损失接受"),
    "explain": ("more about it", "该损失的详细说明"),
    "compare": ("does the choice matter on your data?", "在你的数据上，换损失有没有影响？"),
    "all tasks": ("Which loss for which task", "什么任务用什么损失"),
    "narrow": ("Say more with", "可用以下选项缩小范围"),
    "give": ("give instead", "可改为输出"),
    "arguments": ("Arguments", "参数"),
    "tensors": ("Tensors", "张量"),
    "returns": ("Returns", "返回"),
    "source": ("Source", "来源"),
    "default": ("Default: ", "默认值："),
    "within": ("within ", "取值范围 "),
    "keras": (
        "{0} in Keras: losskit.keras.{0} takes Keras's arguments",
        "即 Keras 的 {0}；losskit.keras.{0} 采用 Keras 的参数",
    ),
    "may mean": ("{0!r} may also mean {1}", "{0!r} 也可能指 {1}"),
    "loss": ("loss", "损失"),
    "takes": ("takes", "网络输出"),
    "kernel": ("kernel", "CPU 内核"),
    "has kernel": ("yes", "有"),
    "for tasks": ("serves", "任务"),
    "old name": ("torch's old name of NLLLoss", "NLLLoss 在 torch 中的旧名"),
    "more": ("losskit explain NAME says more of each.", "losskit explain NAME --lang zh 详细说明其中一个。"),
    "colon": (": ", "："),
    "comma": (", ", "，"),
    "between names": (", ", "、"),
    "semicolon": ("; ", "；"),
    "stop": (".", "。"),
    "beside": (" ({0})", "（{0}）"),
    # Of pictures: what is drawn, over which axis, for which target, and what does not vary.
    "picture": ("its curve and its gradient", "损失曲线与梯度"),
    "value": ("value", "损失值"),
    "gradient": ("gradient", "梯度"),
    "error": ("error: output - target", "误差：输出 - 目标"),
    "rate": ("output: logarithm of the rate", "输出：发生率的对数"),
    "probability": ("probability given to the right answer", "赋予正确答案的概率"),
    "score": ("score (logit) of the right answer", "正确答案的得分（logit）"),
    "lead": ("by how much the right answer's score leads", "正确答案的得分领先多少"),
    "teacher": ("probability, where the teacher has 0.7", "模型给出的概率（教师给出 0.7）"),
    "angle": ("angle to the right class, in degrees", "与正确类别的夹角（度）"),
    "distance": ("distance of the pair", "一对样本的距离"),
    "cosine": ("cosine of the pair", "一对样本的余弦相似度"),
    "farther": ("how much farther the negative is", "负例比正例远多少"),
    "alike": ("similar pair", "相似对"),
    "unlike": ("dissimilar pair", "不相似对"),
    "count 0": ("count 0", "计数为 0"),
    "count 1": ("count 1", "计数为 1"),
    "count 5": ("count 5", "计数为 5"),
    "variance": ("variance 1", "方差为 1"),
    "pixels": ("10 of 100 pixels", "100 个像素中有 10 个"),
    "negative": ("one negative pair, at right angles", "一个负例对，互相垂直"),
}

TASKS: dict[Task, tuple[str, str]] = {
    Task.REGRESSION: ("a number, or several", "回归，预测一个或多个数值"),
    Task.BINARY: ("yes or no", "二分类"),
    Task.MULTICLASS: ("one class of several", "多分类，每个样本只属于一类"),
    Task.MULTILABEL: ("yes or no for each of several labels", "多标签，各标签独立二分类"),
    Task.COUNTS: ("how often something happens", "计数，预测事件发生的次数"),
    Task.DISTILLATION: ("a teacher's probabilities", "知识蒸馏，拟合教师模型的概率"),
    Task.RANKING: ("which of two comes first", "排序，判断两者谁在前"),
    Task.EMBEDDING: ("vectors that lie close where things are alike", "嵌入向量，相似的样本距离近"),
    Task.SEQUENCE: ("labels in order, their places unknown", "序列标注，对齐位置未知"),
}

TARGETS: dict[Encoding, tuple[str, str]] = {
    Encoding.VALUE: ("float, of the output's shape (N, K)", "浮点数，形状与输出相同，(N, K)"),
    Encoding.IDS: ("int64 class ids, shape (N,): not one-hot", "int64 类别编号，形状 (N,)，不要转成 one-hot"),
    Encoding.ONE_HOT: ("float one-hot rows, shape (N, C)", "浮点型 one-hot，形状 (N, C)"),
    Encoding.ZERO_ONE: (
        "0 or 1 (float or bool), shape (N, 1) as the output",
        "0 或 1（浮点或布尔型），形状与输出相同，(N, 1)",
    ),
    Encoding.MULTI_HOT: ("0 or 1 for each label, shape (N, L)", "每个标签取 0 或 1，形状 (N, L)"),
    Encoding.PLUS_MINUS_ONE: ("1 or -1, shape (N, 1): not 0 and 1", "1 或 -1，形状 (N, 1)，不要用 0 和 1"),
    Encoding.PLUS_MINUS_ONE_EACH: ("1 or -1 for each label, shape (N, L)", "每个标签取 1 或 -1，形状 (N, L)"),
    Encoding.LABEL_LIST: (
        "int64 ids of the labels that hold, then -1, shape (N, L)",
        "int64，先列出样本具有的标签编号，再用 -1 补齐，形状 (N, L)",
    ),
    Encoding.PROBABILITIES: ("float probabilities that sum to 1, shape (N, C)", "浮点概率，每行之和为 1，形状 (N, C)"),
    Encoding.LOG_PROBABILITIES: ("logarithms of probabilities, shape (N, C)", "对数概率，形状 (N, C)"),
    Encoding.SEQUENCE: (
        "int64 labels (N, S) without the blank, and both lengths",
        "int64 标签序列 (N, S)，不含空白符；另需输入长度和目标长度",
    ),
    Encoding.NONE: (
        "outputs are compared with each other; a target, where it takes one, says how",
        "网络的输出两两比较；若损失带有目标，由目标说明如何比较",
    ),
}

SITUATIONS: dict[Situation, tuple[str, str]] = {
    Situation.OUTLIERS: ("outliers", "离群值"),
    Situation.IMBALANCED: ("classes of unequal size", "类别不平衡"),
}

#: What a network gives.
OUTPUTS = {
    "logits": ("logits", "logits"),
    "probabilities": ("probabilities", "概率"),
    "log-probabilities": ("log-probabilities", "对数概率"),
    "values": ("values", "数值"),
}


def say(what: str | Task | Encoding | Situation, language: str, *filling: object) -> str:
    """A phrase, or what a task, a target, a situation or an output is, in ``language``."""
    which = LANGUAGES.index(language)
    if isinstance(what, Task):
        return TASKS[what][which]
    if isinstance(what, Encoding):
        return TARGETS[what][which]
    if isinstance(what, Situation):
        return SITUATIONS[what][which]
    phrase = (PHRASES.get(what) or OUTPUTS[what])[which]
    return phrase.format(*filling) if filling else phrase


def translated(text: str, loss: type[object], language: str) -> str:
    """A text of the loss's documentation in ``language``."""
    if language == "en":
        return " ".join(text.split())
    from losskit.guide.chinese import chinese  # not needed for English

    return chinese(text, loss)
