using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Live;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>
    /// A live panel for a training run: progress, time left, reward so far, tokens per second; where there is no notebook a bar in one line of a terminal, plain lines in a file or pipe.
    /// Pass it as <c>progress</c>; it works in the thread that reports.
    /// </summary>
    public static IProgress<TrainStep> Training() => new TrainingProgress(ITrainingView.Of(NotebookHost.Current), TimeProvider.System);
}
