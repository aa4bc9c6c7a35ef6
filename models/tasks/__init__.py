"""What is learned: a class, several of them, a class and its place, a number, hidden words. A task says how many
outputs a network has, its loss and its answers."""

from models.tasks.classification import Classification
from models.tasks.head import TaskHead
from models.tasks.localization import Localization
from models.tasks.multi_label import MultiLabel
from models.tasks.pretraining import Pretraining
from models.tasks.regression import Regression

__all__ = ["Classification", "Localization", "MultiLabel", "Pretraining", "Regression", "TaskHead"]
