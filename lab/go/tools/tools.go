//go:build tools

// Package tools names the programs that the lab builds as they are, so that go.mod and go.sum pin everything they are made of.
package tools

import (
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
	_ "github.com/rancher/local-path-provisioner"
)
