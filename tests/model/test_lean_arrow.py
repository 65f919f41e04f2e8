"""pandas is not imported for nothing, and is there for who asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from traceql.model.lean_arrow import spare_pandas

ROOT = Path(__file__).parents[2]


def test_pyarrow_looks_for_pandas_only_when_asked_for_it() -> None:
    pytest.importorskip("pandas")
    code = (
        "import sys\n"
        "from traceql.model.lean_arrow import spare_pandas\n"
        "spare_pandas()\n"
        "import numpy as np, pyarrow as pa\n"
        "table = pa.table({'a': pa.array(np.arange(3))})\n"
        "assert 'pandas' not in sys.modules\n"
        "assert table.to_pandas()['a'].tolist() == [0, 1, 2]\n"
        "import pandas as pd\n"
        "assert pa.array(pd.Series([1.0, None])).null_count == 1\n"
        "assert pa.Table.from_pandas(pd.DataFrame({'a': [1]})).num_rows == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_once_more_changes_nothing() -> None:
    finders = list(sys.meta_path)
    spare_pandas()
    assert sys.meta_path == finders
