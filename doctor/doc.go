// Package doctor finds what is wrong with a homeserver's databases before it hurts, says what it means and what to do, and
// mends what is safe to mend. It never writes unless a fix is applied, and never takes a lock stronger than a SELECT's to look.
// Begin with Check; the checks themselves are in the packages below this one.
package doctor
