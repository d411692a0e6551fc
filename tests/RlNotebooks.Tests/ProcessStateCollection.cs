namespace RlNotebooks.Tests;

/// <summary>Runs set the working directory and the console, which belong to the process: one after the other.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessStateCollection
{
    public const string Name = "process state";
}
