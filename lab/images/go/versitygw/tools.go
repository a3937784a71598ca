//go:build tools

// Package tools pins the S3 server that the lab builds.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
