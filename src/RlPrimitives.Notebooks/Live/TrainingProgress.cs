using System.Runtime.ExceptionServices;
using RlPrimitives.Algorithms;

namespace RlPrimitives.Notebooks.Live;

/// <summary>
/// Shows each step at once, in the thread that reports it, but no more often than the view wants. A step held back is shown when that time is over,
/// so the newest state is never lost; the last iteration is always shown and ends the panel. What a view throws then is thrown at the next report: on
/// the timer's thread it would end the process.
/// </summary>
internal sealed class TrainingProgress(ITrainingView view, TimeProvider time) : IProgress<TrainStep>
{
    private readonly Lock gate = new();
    private readonly List<double> rewards = [];
    private readonly Dictionary<string, (Alarm Newest, int Steps)> alarms = [];
    private ITimer? timer;
    private TrainStep? newest;
    private ExceptionDispatchInfo? failure;
    private bool held, shown;
    private long shownAt;
    private long startedAt;
    private TimeSpan firstStep;

    public void Report(TrainStep value)
    {
        ArgumentNullException.ThrowIfNull(value);
        lock (gate)
        {
            if (newest is null || value.Iteration <= newest.Iteration)
            {
                Begin(value); // A second run with the same progress gets its own panel.
            }

            var failed = failure;
            failure = null;
            failed?.Throw();
            newest = value;
            rewards.Add(value.RewardMean);
            foreach (var alarm in value.Alarms)
            {
                alarms[alarm.Name] = (alarm, alarms.GetValueOrDefault(alarm.Name).Steps + 1);
            }

            var passed = time.GetElapsedTime(shownAt);
            if (!shown || value.Iteration >= value.Iterations || passed >= view.UpdateInterval)
            {
                Render();
            }
            else if (!held)
            {
                held = true;
                timer?.Dispose();
                timer = time.CreateTimer(_ => RenderHeld(), null, view.UpdateInterval - passed, Timeout.InfiniteTimeSpan);
            }
        }
    }

    // The first report comes after the first step: what that step took is part of the run.
    private void Begin(TrainStep first)
    {
        timer?.Dispose();
        (timer, held, shown, failure) = (null, false, false, null);
        view.Begin();
        rewards.Clear();
        alarms.Clear();
        startedAt = time.GetTimestamp();
        firstStep = TimeSpan.FromSeconds(Math.Max(0, first.Rollouts.Seconds) + Math.Max(0, first.UpdateSeconds));
    }

    private void RenderHeld()
    {
        lock (gate)
        {
            if (!held)
            {
                return;
            }

            try
            {
                Render();
            }
            catch (OperationCanceledException)
            {
                // Its cell was interrupted: nobody looks any more. Whoever trains on is told at the next view.
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        }
    }

    private void Render()
    {
        (held, shown) = (false, true);
        shownAt = time.GetTimestamp();
        var panel = new TrainingPanel(newest!, rewards, firstStep + time.GetElapsedTime(startedAt), alarms);
        view.Show(panel);
        if (panel.IsFinal)
        {
            timer?.Dispose();
            timer = null;
        }
    }
}
