"""How much one request to the lab may ask for."""

#: Bytes of the body of a request, and of one message through a socket.
MAX_BODY = 4 * 2**20
#: Brackets within brackets of JSON.
MAX_DEPTH = 32
#: Values in a document of JSON.
MAX_VALUES = 400_000
#: Seconds until a request is answered, whatever the answer.
REQUEST_SECONDS = 30.0
#: Seconds that a connection may be open without asking anything.
IDLE_SECONDS = 15.0
#: Seconds that explaining something may take.
WORK_SECONDS = 10.0
#: Requests that are answered at once, and sockets that are open at once.
MAX_REQUESTS = 32
MAX_SOCKETS = 16
#: Numbers in one array of a formula. A page that explains them is to be read.
MAX_ELEMENTS = 20_000
#: Numbers in all arrays of a formula together.
MAX_TOTAL = 500_000
#: Operations that a formula comes to, those inside of its functions included.
MAX_OPERATIONS = 3_000
#: A whole number that is written into a call: a length, a count, an axis.
MAX_COUNT = 2_000
#: Seconds and bytes of memory that an answer made in a process of its own may take: less than the
#: seconds of other work, so that whoever waits is told what to do instead.
APART_SECONDS = 8.0
APART_BYTES = 3 * 2**30
#: Numbers between a parameter and the output up to which its paths are told at once.
MAX_BETWEEN = 2_000
#: Characters of the name of a number.
MAX_NAME = 200
#: Operations that are traced to find values that a formula works with, and numbers of one such
#: value: the search is part of each edit, which is answered while somebody types.
MAX_SEARCH = 800
MAX_BEGUN = 400
