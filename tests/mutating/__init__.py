"""Known mistakes, put into right hand-written backward passes."""
