//go:build tools

// Package tools pins the kube-score that lints the rendered manifests.
package tools

import _ "github.com/zegl/kube-score/cmd/kube-score"
