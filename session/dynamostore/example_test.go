package dynamostore_test

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cognitogate/cognitogate/session/dynamostore"
)

// One client and one Store serve a process. Applications load awsConfig with the module
// github.com/aws/aws-sdk-go-v2/config.
func ExampleNew() {
	awsConfig := aws.Config{Region: "eu-central-1"}
	client := dynamodb.NewFromConfig(awsConfig, func(o *dynamodb.Options) {
		o.RetryMaxAttempts = 1 // package session tries again
	})
	_ = dynamostore.New(client, "myapp") // for Config.Shared
}
