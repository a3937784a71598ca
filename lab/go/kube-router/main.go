// Command kube-router is kube-router's controller of network policies and nothing else of it: the lab routes and balances without.
package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/cloudnativelabs/kube-router/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/pkg/options"
	"github.com/spf13/pflag"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	config := options.NewKubeRouterConfig()
	config.AddFlags(pflag.CommandLine)
	pflag.Parse()
	klog.SetOutput(os.Stderr)

	access, err := clientcmd.BuildConfigFromFlags(config.Master, config.Kubeconfig)
	if err != nil {
		klog.Fatalf("kubeconfig: %v", err)
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		klog.Fatalf("client: %v", err)
	}

	stop := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	// The controller gives up on a node that is not there yet; the kubelet may be slower.
	if err := wait.PollImmediateInfinite(200*time.Millisecond, func() (bool, error) {
		_, err := client.CoreV1().Nodes().Get(context.Background(), config.HostnameOverride, meta.GetOptions{})
		return err == nil, nil
	}); err != nil {
		klog.Fatalf("node %s: %v", config.HostnameOverride, err)
	}

	var sets sync.Mutex
	controller, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &sets)
	if err != nil {
		klog.Fatalf("network policies: %v", err)
	}
	pods.AddEventHandler(controller.PodEventHandler)
	namespaces.AddEventHandler(controller.NamespaceEventHandler)
	policies.AddEventHandler(controller.NetworkPolicyEventHandler)

	// It blocks on every heart beat that nobody takes.
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range beats {
		}
	}()

	var running sync.WaitGroup
	running.Add(1)
	controller.Run(beats, stop, &running)
}
