"""The monitor's page: what a person looks at, and where they write down what they found."""
