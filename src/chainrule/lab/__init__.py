"""`chainrule lab`: a local web application, the explorer and the playground."""
