"""Tables: from a CSV or Parquet file to a trained network, and to predictions.

::

    experiment      train(): the whole way, and what came out of it
    report, charts  the same as one HTML page
    summary         the same as text
    predictor       what is kept: network, preparation, target; its file
    network         the network, and early stopping
    baselines       what it is held against
    learning        what scikit-learn's transformers learn of the training rows
    preparation     that, applied by NumPy alone
    cleaning        a table's columns as numbers and words
    columns, dates  what kind each column is
    leaks           columns that tell the target
    target          the task, and the target as numbers
    splitting       which rows are held out
    scoring         how right predictions are
    reading, parquet, values
                    files, and their cells
    telling         names and cells in sentences
    output          files that are replaced as a whole
    extras          pandas, scikit-learn and pyarrow, or one line that says what to install

Nothing here is imported before a command or a user asks for it: pandas takes its time.
"""
