"""The notebook widget: the view of a solution, live."""
