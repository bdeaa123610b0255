"""scikit-learn's own checks of estimators: all pass, none is skipped or expected to fail."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

CHECKS = """
    import json, warnings
    import pandas, sklearn.utils.estimator_checks
    from chainrule.sklearn import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore")
    check = sklearn.utils.estimator_checks.check_estimator
    found = check({estimator}, on_skip=None, on_fail=None)
    print(json.dumps([(c["check_name"], c["status"], str(c["exception"])) for c in found]))
"""


@pytest.mark.parametrize(
    ("estimator", "least"),
    [
        ("MLPClassifier()", 65),
        ("MLPRegressor(loss='squared_error', solver='sgd', activation='tanh')", 55),
    ],
)
def test_all_checks_pass(estimator, least):
    environment = os.environ | {
        "SCIPY_ARRAY_API": "1",  # else some are skipped; it has to be set before SciPy is imported
        "OPENBLAS_NUM_THREADS": "1",  # small products wait for other processes otherwise
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    code = textwrap.dedent(CHECKS).format(estimator=estimator)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert [each for each in found if each[1] != "passed"] == []
    assert len(found) >= least
