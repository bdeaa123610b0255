"""From when on something is worth saying, each with its reason."""

#: Rows that are looked at, at most: a unit that none of 512 rows reaches is dead for practical
#: purposes, and the shares and norms here are within a few percent of those of all rows.
ROWS = 512
#: Rows whose columns are summed up, at most; cheap, so that rare values are met as well.
COLUMN_ROWS = 10_000
#: With fewer rows nothing is said of single units: among two rows any ReLU may well be off.
MIN_ROWS = 8

# -- units -----------------------------------------------------------------------------

#: A unit's derivative counts as tiny below this share of the greatest that its function has: a
#: sigmoid is there beyond |z| = 6, tanh beyond 3. Gradients that pass are a hundredth as large.
TINY_DERIVATIVE = 0.01
#: Below this share nothing passes at all: a function that levels off on one side only, such as
#: ELU or GELU, is dead there as a ReLU is where its derivative is exactly 0.
NO_DERIVATIVE = 1e-6
#: A unit is saturated when its derivative is tiny on this share of the rows.
NEARLY_ALL = 0.95
#: Share of a layer's dead or saturated units from which on it is a warning: with He initialisation
#: and inputs that are not centred up to a quarter of the ReLUs are dead before the first step (six
#: layers of 64 on scikit-learn's digits), and such networks learn well.
MANY_UNITS, MOST_UNITS = 0.4, 0.75

# -- gradients -------------------------------------------------------------------------

#: Gradient of the first layer's results over that of the last one's. Beyond, one learning rate
#: cannot serve both; the networks that are usually trained lie within a factor of 100.
VANISHING, EXPLODING = 1e-4, 1e4
#: Norm of all gradients together from which on a step of plain gradient descent with a usual
#: rate, 0.01, is larger than usual weights.
LARGE_GRADIENT = 1e3
#: One step's update over the weights, by their norms. 1e-3 is usual.
SMALL_UPDATE, LARGE_UPDATE = 1e-5, 1e-1

# -- loss ------------------------------------------------------------------------------

#: How many times the loss of the best constant guess is still usual at the start. He's
#: initialisation gives logits with a standard deviation of about 1.5, and 1.5 times the loss.
WORSE_THAN_GUESSING = 3.0

# -- data ------------------------------------------------------------------------------

#: Root mean square of a column beyond which it is large: weights are made for inputs of about 1,
#: and pixels from 0 to 255 or years are far above.
LARGE_COLUMN, HUGE_COLUMN = 10.0, 100.0
#: Root mean square of all columns together below which inputs are too small to be told apart.
SMALL_INPUTS = 0.01
#: Spread of a column relative to the middle one, below which the network hardly sees it.
UNSEEN_COLUMN = 1e-3
#: Predictions that all lie between 0 and 1 from which on they are taken for probabilities.
LOGIT_ROWS = 20
#: Rows of the largest class to one of the smallest.
IMBALANCE, EXTREME_IMBALANCE = 20.0, 100.0
#: Running variance of a normalisation over the variance of the data, either way; between batches
#: of 32 it hardly ever differs by more than a factor of 2.
VARIANCE_RATIO = 10.0

# -- runs ------------------------------------------------------------------------------

#: Epochs in a row in which the loss has to grow: by chance it does so once in a thousand times.
RISING = 5
#: By which factor the loss has to have grown over its lowest value for a rise to count.
RISEN = 1.1
#: The loss over the one of the first epoch that counts as diverging at once.
DIVERGED = 3.0
#: Epochs after which a loss should have fallen, and by which share at least.
PATIENCE, FALLEN = 20, 1e-3
#: Epochs since the lowest validation loss, and by how much it has to be above it by now.
OVERFITTING_EPOCHS, OVERFITTING_RISE = 10, 1.1
#: By how much the share of dead units in a layer has to have grown.
DYING = 0.2
