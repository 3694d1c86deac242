package main

import "time"

// How long the rows that are run by hand last.
var soakFor, overloadFor time.Duration
