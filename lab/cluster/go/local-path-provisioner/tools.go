//go:build tools

// Package tools pins the local-path-provisioner that the lab builds.
package tools

import _ "github.com/rancher/local-path-provisioner"
