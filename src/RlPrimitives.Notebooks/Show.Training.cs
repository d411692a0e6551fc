using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Live;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>
    /// A live panel for a training run: progress, time left, reward so far, tokens per second; one line of text where there is no notebook.
    /// Pass it as <c>progress</c>; it works in the thread that reports.
    /// </summary>
    public static IProgress<TrainStep> Training() => new TrainingProgress(NotebookHost.Current, TimeProvider.System);
}
