"""What a report says, in English and in Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from losskit.compare.errors import Message
from losskit.compare.verdict import Reading
from losskit.core.head import Task

LANGUAGES = ("en", "zh")

#: For each phrase: English, Chinese.
PHRASES: dict[str, tuple[str, str]] = {
    # before the run
    "pixels": ("pixels", "个像素"),
    "features": ("features", "个特征"),
    "data of classes": (
        "{name}: {rows} rows, {columns} {kind}, a {task} task of {classes} classes",
        "{name}：{rows} 行，{columns} {kind}，{task}任务，共 {classes} 类",
    ),
    "data": ("{name}: {rows} rows, {columns} {kind}, a {task} task", "{name}：{rows} 行，{columns} {kind}，{task}任务"),
    "note": ("Note: {note}.", "注意：{note}。"),
    "left out": ("{count} rows without a value in {target} are left out", "{target} 列缺失的 {count} 行已剔除"),
    "empty columns": ("columns without any value are left out: {columns}", "全空的列已剔除：{columns}"),
    "numbers rows": (
        "column {column} numbers the rows; if it is not a feature, use {drop}",
        "{column} 列像是行号；若不是特征，请用 {drop} 剔除",
    ),
    "imputed": (
        "{gaps} missing values are imputed, by medians and most frequent levels of each training fold",
        "{gaps} 个缺失值已填补：数值列用训练折的中位数，类别列用训练折中最常见的取值",
    ),
    "sampled": ("{rows} of {all} rows are used, to end in time", "为按时完成，只使用 {all} 行中的 {rows} 行"),
    "as asked": ("the task is {task}, as asked", "按你的指定，任务为{task}"),
    "distinct values": (
        "target {target} holds {count} distinct values, so {task}; {overrules} overrules",
        "目标列 {target} 有 {count} 个不同的取值，按{task}处理；可用 {overrules} 指定",
    ),
    "distinct texts": (
        "target {target} holds {count} distinct texts, so {task}; {overrules} overrules",
        "目标列 {target} 有 {count} 个不同的文本取值，按{task}处理；可用 {overrules} 指定",
    ),
    "distinct integers": (
        "target {target} holds {count} distinct integers, so {task}; {overrules} overrules",
        "目标列 {target} 有 {count} 个不同的整数，按{task}处理；可用 {overrules} 指定",
    ),
    "distinct numbers": (
        "target {target} holds {count} distinct numbers, so {task}; {overrules} overrules",
        "目标列 {target} 有 {count} 个不同的数值，按{task}处理；可用 {overrules} 指定",
    ),
    "positive": ("its positive class is {label}", "正类为 {label}"),
    "positive of": ("the positive class of {name} is {label}", "{name} 的正类为 {label}"),
    "losses": (
        "Losses: {others} against {reference}, the standard loss of the task.",
        "参与比较：{others}；对比基线：{reference}（该任务的标准损失）。",
    ),
    "search": (
        "Each takes the best of {pairs} pairs of optimizer ({optimizers}) and learning rate, chosen within each training "
        "fold: all of them for {early} steps, the best {finalists} for {late} steps on {splits} inner splits.",
        "每个损失各自调参：在每个训练折的内层划分上，从 {pairs} 组“优化器（{optimizers}）+ 学习率”中选出最好的一组；"
        "所有组先训练 {early} 步，最好的 {finalists} 组再在 {splits} 个内层划分上训练 {late} 步。",
    ),
    "no search": ("Each is trained by {chosen}.", "全部使用 {chosen} 训练。"),
    "training": (
        "Training: {steps} steps of {batch} rows, at a rate that falls linearly to 0; each score is the mean of {seeds} trainings.",
        "训练：共 {steps} 步，批大小 {batch}，学习率线性衰减到 0；每折得分取 {seeds} 次训练（随机种子不同）的平均。",
    ),
    "network": (
        "Network: one hidden layer of {hidden}; seed {seed}.",
        "网络：一个 {hidden} 单元的隐藏层；随机种子 {seed}。",
    ),
    "borrowed": (
        "{names} states no head, and is given targets as {reference} takes them.",
        "{names} 没有声明目标的编码方式，按 {reference} 的方式传入目标。",
    ),
    "ranked": (
        "Ranked by {metric} ({direction} is better) on {repeats} x {folds} folds; differences below {rule} count as practically none.",
        "按{metric}排名（{direction}越好），{repeats} 次 {folds} 折交叉验证；小于 {rule} 的差异视为实际无差别。",
    ),
    "higher": ("higher", "越高"),
    "lower": ("lower", "越低"),
    "share": ("{margin:.0%} of the {metric} of {reference}", "{reference} 的 {metric} 的 {margin:.0%}"),
    "absolute": ("{margin:g}", "{margin:g}"),
    "resolves": (
        "With {rows} rows, differences below about {least} stay open.",
        "{rows} 行数据大致分辨不出小于 {least} 的差异。",
    ),
    "mean or median": (
        "heavy tails: {share:.0%} of the target's variance comes from 1 % of its rows. Mean or median? Ranked by {metric}, for "
        "the {what}; {flag} asks for the {other}",
        "目标呈重尾分布：1% 的行贡献了 {share:.0%} 的方差。要预测均值还是中位数？当前按 {metric} 排名，对应{what}；"
        "若要{other}，请用 {flag}",
    ),
    "mean": ("mean", "均值"),
    "median": ("median", "中位数"),
    "takes": ("This takes about {time} on {workers} processes.", "预计耗时约 {time}（{workers} 个进程）。"),
    "training bar": ("training", "训练中"),
    # the table
    "loss": ("loss", "损失"),
    "difference": ("difference", "差值"),
    "own": ("own 95 %\ninterval", "单独的\n95% 区间"),
    "verdict": ("verdict", "结论"),
    "configuration": ("configuration", "推荐配置"),
    "uncalibrated": ("uncalibrated", "未校准"),
    "to": ("{low} to {high}", "{low} 到 {high}"),
    # below it
    "tests": (
        "Difference from {reference}; the interval is of each loss by itself. Verdicts follow from t-tests, corrected as Nadeau and "
        "Bengio do and adjusted by Holm, where this interval agrees. {folds} test folds.",
        "差值 = 该损失 − {reference}；区间为各损失单独的 95% 置信区间。结论来自 Nadeau–Bengio 修正、再经 Holm 校正（多重比较）的 "
        "t 检验，并要求该区间与之一致。共 {folds} 个测试折。",
    ),
    "ratios": (
        "Differences are of errors as ratios, so that no fold with large errors outweighs the rest.",
        "差值按误差之比计算，误差大的折不会压倒其他折。",
    ),
    "uncalibrated note": (
        "uncalibrated: outputs that do not stand for probabilities.",
        "未校准：其输出不是概率。",
    ),
    "saturated": (
        "{metrics} is perfect for every loss and tells nothing apart; the ranking is by {metric}.",
        "所有损失的{metrics}都已满分，没有区分度，改按{metric}排名。",
    ),
    "no rank": ("{names} has no {metric} and is not ranked.", "{names} 没有{metric}，不参与排名。"),
    "beyond": (
        "^ {names}: on some folds a rate beyond the edge of the grid was better, and was taken; a better one may lie further.",
        "^ {names}：部分折上，网格边界以外的学习率更好，已采用；更远处可能还有更好的。",
    ),
    "diverged": (
        "! Training diverged ({counts}) and counts there as a constant prediction.",
        "! 训练发散（{counts}），这些训练按常数预测计分。",
    ),
    "times": ("{loss} {count} times", "{loss} {count} 次"),
    "stalls": (
        "{names} stalls: in {steps} steps it learns little at any rate that was tried, and other rates are not the mend.",
        "{names} 训练停滞：{steps} 步内，试过的任何学习率都学不到多少，换学习率也无济于事。",
    ),
    "constant": ("Constant predictor: {metric} {score}.", "常数预测：{metric} {score}。"),
    "learner": (
        "Without a network, {learner}: {metric} {score}.",
        "不用神经网络的对照模型（{learner}）：{metric} {score}。",
    ),
    "not competitive": (
        "The network is not competitive here: {learner} are better than every loss by more than matters.",
        "这个网络在该数据上并不占优：{learner}明显好于每一个损失。",
    ),
    "gradient-boosted trees": ("gradient-boosted trees", "梯度提升树"),
    "ridge regression": ("ridge regression", "岭回归"),
    "logistic regression": ("logistic regression", "逻辑回归"),
    "picture": ("{metric}: difference from {reference}, on {data}", "{data}：{metric}与 {reference} 的差值"),
    "caption": (
        "{unit} lines: each loss's own 95 % interval; shaded: differences that do not matter",
        "{unit} 横线：各损失单独的 95% 置信区间；阴影：可忽略的差异",
    ),
    # the conclusion
    "matters": ("The choice of loss matters here.", "在这份数据上，损失函数的选择有影响。"),
    "matters not": ("The choice of loss does not matter here.", "在这份数据上，选哪个损失实际无差别。"),
    "matters unknown": (
        "This run does not show that the choice of loss matters.",
        "这次运行没有显示出损失函数的选择有影响。",
    ),
    "better": ("{names} {is} better than {reference}, by {by}.", "{names} 优于 {reference}，相差 {by}。"),
    "worse": ("{names} {is} worse than {reference}, by {by}.", "{names} 不如 {reference}，相差 {by}。"),
    "same": (
        "{names} {is} practically the same as {reference}: the difference is below {margin}.",
        "{names} 与 {reference} 实际无差别：差异小于 {margin}。",
    ),
    "differs": (
        "{names} differ{s} from {reference}, by less than matters ({by}).",
        "{names} 与 {reference} 有差异（{by}），但小到可以忽略。",
    ),
    "identical": (
        "{names} gave exactly the scores of {reference} on every fold.",
        "{names} 在每一折上的得分都与 {reference} 完全相同。",
    ),
    "unknown": (
        "Of {names} this run cannot tell whether the difference is beyond {margin}.",
        "对 {names} 无法判断差异是否超过 {margin}。",
    ),
    "unknown better": (
        "{names} {is} better than {reference}; whether by more than {margin}, this run cannot tell.",
        "{names} 优于 {reference}，但无法判断差异是否超过 {margin}。",
    ),
    "unknown worse": (
        "{names} {is} worse than {reference}; whether by more than {margin}, this run cannot tell.",
        "{names} 不如 {reference}，但无法判断差异是否超过 {margin}。",
    ),
    "would": ("What would tell, if differences stay as they are: {what}.", "若差异保持不变，可判断所需：{what}。"),
    "so many rows": ("{loss} about {rows} rows", "{loss} 约 {rows} 行"),
    "nothing would": (
        "So near {margin} that more rows may not tell either: {names}.",
        "差异太接近 {margin}，更多的行也未必能判断：{names}。",
    ),
    "take better": ("Take {loss}: it beats the reference.", "建议用 {loss}：它确实优于对比基线。"),
    "take reference": ("Take {loss}: no other is proven to beat it.", "建议用 {loss}：没有证据表明其他损失优于它。"),
    "its configuration": (
        "Its best configuration over all folds: {optimizer} at {rate:g}.",
        "在全部折上内层得分最高的配置：{optimizer}，学习率 {rate:g}。",
    ),
    "kept": (
        "Its script is {script}, beside rows, plan, verdicts and a picture.",
        "训练脚本：{script}；同目录下还有逐折结果、实验计划、结论和图。",
    ),
}

READINGS: dict[Reading, tuple[str, str]] = {
    Reading.REFERENCE: ("reference", "对比基线"),
    Reading.IDENTICAL: ("identical", "完全相同"),
    Reading.BETTER: ("better", "更好"),
    Reading.WORSE: ("worse", "更差"),
    Reading.SAME: ("practically the same", "基本相同"),
    Reading.DIFFERS: ("differs, by less than matters", "有差异但可忽略"),
    Reading.UNKNOWN: ("cannot tell", "无法判断"),
}

TASKS: dict[Task, str] = {Task.MULTICLASS: "多分类", Task.BINARY: "二分类", Task.REGRESSION: "回归"}

METRICS = {
    "accuracy": "准确率",
    "balanced accuracy": "平衡准确率",
    "macro F1": "宏平均 F1",
    "average precision": "平均精度（AP）",
    "Brier score": "Brier 分数",
    "ECE": "期望校准误差（ECE）",
}

#: Writes a phrase, its blanks filled.
Say = Callable[..., str]


def speaker(language: str) -> Say:
    """What writes phrases in a language."""
    which = LANGUAGES.index(language)

    def say(phrase: str, **blanks: object) -> str:
        return re.sub(" {2,}", " ", PHRASES[phrase][which].format(**blanks)).strip()

    return say


def note(phrase: str, **blanks: object) -> Message:
    """A note on the data, in both languages."""
    english, chinese = (
        pattern.format(
            **{name: task(value, language) if isinstance(value, Task) else value for name, value in blanks.items()}
        )
        for pattern, language in zip(PHRASES[phrase], LANGUAGES, strict=True)
    )
    return Message(english, chinese)


def reading(what: Reading, language: str) -> str:
    """A conclusion in words."""
    return READINGS[what][LANGUAGES.index(language)]


def task(what: Task, language: str) -> str:
    """A task in words."""
    return str(what) if language == "en" else TASKS[what]


def metric(title: str, language: str) -> str:
    """A metric's name."""
    return title if language == "en" else METRICS.get(title, f" {title} ")


def listed(names: Sequence[str], language: str) -> str:
    """Names in a sentence."""
    if language == "zh":
        return "、".join(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
