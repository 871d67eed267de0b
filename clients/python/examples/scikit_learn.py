"""An estimator that logs every prediction it makes."""

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from driftguard_client import DriftGuard

data = load_breast_cancer(as_frame=True)
estimator = RandomForestClassifier(n_estimators=10, random_state=1).fit(data.data, data.target)

dg = DriftGuard()
watched = dg.watch(estimator, "breast cancer")

watched.predict_proba(data.data.head(20))  # logs 20 rows with probabilities and score
watched.predict(data.data.to_numpy()[20:30])  # an array: the names are those of the training data
print(watched.n_features_in_, "features;", "the estimator's other attributes are still there")
dg.flush()
