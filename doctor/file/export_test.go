package file

// DescribeMount is tested without a mount, which needs another machine.
var DescribeMount = describeMount
