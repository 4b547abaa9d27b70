package segment

import "flag"

// seedFlag replays a randomised test.
var seedFlag = flag.Uint64("residual.seed", 0, "seed of randomised tests; 0 draws one")
