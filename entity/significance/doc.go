// Package significance tells a significant change of JSON documents from one that does not matter: another order of keys,
// another way to write a number, a difference within a tolerance, an attribute that is ignored. It never decodes a number
// into a float64 to find out whether two are the same, never keeps anything between two calls, and knows nothing of
// entities. Begin with Equal, or with a Rule.
package significance
