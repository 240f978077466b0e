package main

import "math"

// room is a room in winter: it loses warmth to the outside, and gets some from the heater.
type room struct{ temperature float64 } // °C

const (
	outside    = 2.0   // °C
	loss       = 0.002 // of the difference to the outside, in a minute
	heaterGain = 0.12  // °C in a minute
)

// pass lets a minute pass.
func (r *room) pass(heating bool) {
	r.temperature -= loss * (r.temperature - outside)
	if heating {
		r.temperature += heaterGain
	}
}

// measured is what a sensor says, which knows hundredths.
func (r *room) measured() float64 { return math.Round(100*r.temperature) / 100 }
