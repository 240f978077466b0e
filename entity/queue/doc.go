// Package queue keeps the last value of each key until it is written, and writes in groups: what programs put is taken at once, and one
// goroutine brings it to a database that may be slow, locked or away for hours. Putting never waits for a write, two writes never run
// at once, the values of a key never pass one another, and memory grows with the number of keys alone, not with time; what a value is, and how it is
// written, the package never knows. Begin with New and a Write function; Put values, Wait for those that have to be durable, and Close at the end.
package queue
