"""Names of the metrics that rules may ask for. Free of numpy: the pipeline file is checked with it."""

from collections.abc import Sequence

from schemas.config import Task

AVERAGES = ("macro", "micro", "weighted")
REGRESSION = ("mse", "rmse", "mae", "r2")
PRETRAINING = ("masked_accuracy", "perplexity")

LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error", "hamming_loss", "mse", "rmse", "mae", "perplexity"})

PAIRED = frozenset({"accuracy", "subset_accuracy"})
"""Shares of examples that are right, of which it is counted how many only one of two models got right."""

AREAS = frozenset({"roc_auc", "pr_auc"})
"""Metrics without bootstrap replicates on slices."""


def top_k_name(k: int) -> str:
    return f"top_{k}_accuracy"


def metric_names(task: Task, top_k: Sequence[int]) -> list[str]:
    """Every metric of a task's evaluation, in the order of the report."""
    if task == "regression":
        return list(REGRESSION)
    if task == "pretraining":
        return list(PRETRAINING)
    averaged = [f"{metric}_{average}" for metric in ("precision", "recall", "f1") for average in AVERAGES]
    areas = ["roc_auc", "pr_auc", "log_loss"]
    if task == "multi-label":
        return ["subset_accuracy", "hamming_loss", *averaged, *areas]
    ranked = [top_k_name(k) for k in dict.fromkeys(top_k)]
    placed = ["mean_iou", "iou_50", "localization_accuracy"] if task == "localization" else []
    return ["accuracy", *ranked, *averaged, *areas, "calibration_error", *placed]
