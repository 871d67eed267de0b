"""NannyML's univariate drift: Kolmogorov–Smirnov for numbers, chi-square for texts, the window as one chunk."""

from collections.abc import Mapping

from nannyml import UnivariateDriftCalculator

from bench.files.protocol import run
from bench.files.reading import frame


def compared(baseline: str, window: str) -> Mapping[str, float]:
    """Read both files, fit, and calculate. Returns D of each number."""
    before, after = frame(baseline), frame(window)
    texts = [name for name in before.columns if before[name].dtype.kind not in "iuf"]
    calculator = UnivariateDriftCalculator(
        column_names=list(before.columns),
        treat_as_categorical=texts,
        continuous_methods=["kolmogorov_smirnov"],
        categorical_methods=["chi2"],
        chunk_number=1,
    )
    calculator.fit(before)
    found = calculator.calculate(after).filter(period="analysis").to_df()
    numbers = [name for name in before.columns if name not in texts]
    return {name: float(found[(name, "kolmogorov_smirnov", "value")].iloc[0]) for name in numbers}


if __name__ == "__main__":
    run(compared)
