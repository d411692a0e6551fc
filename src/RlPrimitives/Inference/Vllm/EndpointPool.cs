using Polly;
using Polly.Retry;

namespace RlPrimitives.Inference;

/// <summary>Several servers of one model: each request goes to the healthy one with the fewest under way, and elsewhere where it fails.</summary>
internal sealed class EndpointPool : IDisposable
{
    private readonly Lock sync = new();
    private readonly Queue<TaskCompletionSource<VllmEndpoint>> waiting = new();
    private readonly CancellationTokenSource closing = new();
    private readonly VllmOptions options;
    private readonly ResiliencePipeline retries;
    private readonly Task watch;
    private long uses;
    private int disposed;

    public EndpointPool(IReadOnlyList<VllmEndpoint> endpoints, VllmOptions options)
    {
        (Endpoints, this.options) = (endpoints, options);
        retries = options.MaxRetries == 0 ? ResiliencePipeline.Empty : new ResiliencePipelineBuilder { TimeProvider = options.Time }.AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = options.MaxRetries, Delay = options.FirstDelay, MaxDelay = options.MaxDelay, BackoffType = DelayBackoffType.Exponential, UseJitter = true,
            ShouldHandle = new PredicateBuilder().Handle<VllmException>(e => e.IsTransient),
            DelayGenerator = a => ValueTask.FromResult((a.Outcome.Exception as VllmException)?.RetryAfter is { } asked
                ? asked < TimeSpan.Zero ? TimeSpan.Zero : asked > options.MaxDelay ? options.MaxDelay : asked : (TimeSpan?)null),
        }).Build();
        watch = Task.Run(WatchAsync);
    }

    public IReadOnlyList<VllmEndpoint> Endpoints { get; }

    /// <summary>Runs a request at an endpoint that has room for it, again where that may help.</summary>
    /// <exception cref="VllmException">It failed for good; the last failure.</exception>
    public async Task<T> RunAsync<T>(Func<VllmEndpoint, CancellationToken, Task<T>> request, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(closing.Token, cancellationToken);
        try
        {
            return await retries.ExecuteAsync(async token => await OnceAsync(request, token).ConfigureAwait(false), either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(VllmBackend));
        }
    }

    /// <summary>What a failure says about the endpoint it came from.</summary>
    public static void Note(VllmEndpoint endpoint, VllmException failure)
    {
        if (failure.IsEndpointDown)
        {
            endpoint.IsHealthy = false;
            endpoint.Weights = null; // whoever comes back may have been started anew
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }

        closing.Cancel();
        foreach (var endpoint in Endpoints)
        {
            endpoint.Dispose();
        }

        // The loop ends by itself; its token source goes with it.
        _ = watch.ContinueWith(_ => closing.Dispose(), TaskScheduler.Default);
    }

    private async Task<T> OnceAsync<T>(Func<VllmEndpoint, CancellationToken, Task<T>> request, CancellationToken cancellationToken)
    {
        var endpoint = await TakeAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var result = await request(endpoint, cancellationToken).ConfigureAwait(false);
            endpoint.IsHealthy = true;
            return result;
        }
        catch (VllmException e)
        {
            Note(endpoint, e);
            throw;
        }
        finally
        {
            Release(endpoint);
        }
    }

    private Task<VllmEndpoint> TakeAsync(CancellationToken cancellationToken)
    {
        lock (sync)
        {
            if (Choose() is { } endpoint)
            {
                return Task.FromResult(endpoint);
            }

            var place = new TaskCompletionSource<VllmEndpoint>(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.Enqueue(place);
            return WaitAsync(place, cancellationToken);
        }
    }

    private static async Task<VllmEndpoint> WaitAsync(TaskCompletionSource<VllmEndpoint> place, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(static p => ((TaskCompletionSource<VllmEndpoint>)p!).TrySetCanceled(), place);
        try
        {
            return await place.Task.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
    }

    private void Release(VllmEndpoint endpoint)
    {
        lock (sync)
        {
            endpoint.InFlight--;
            HandOver();
        }
    }

    /// <summary>Gives free places to those who wait; under the lock.</summary>
    private void HandOver()
    {
        while (waiting.TryPeek(out var first))
        {
            if (first.Task.IsCompleted)
            {
                waiting.Dequeue(); // cancelled meanwhile
            }
            else if (Choose() is { } free)
            {
                waiting.Dequeue();
                if (!first.TrySetResult(free))
                {
                    free.InFlight--;
                }
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>An endpoint with room, a place at it taken; under the lock. While any is healthy the others get nothing.</summary>
    private VllmEndpoint? Choose()
    {
        var anyHealthy = Endpoints.Any(e => e.IsHealthy);
        var chosen = Endpoints.Where(e => (e.IsHealthy || !anyHealthy) && e.InFlight < options.MaxConcurrency).OrderBy(e => e.InFlight).ThenBy(e => e.LastUsed).FirstOrDefault();
        if (chosen is not null)
        {
            chosen.InFlight++;
            chosen.LastUsed = ++uses;
        }

        return chosen;
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(options.HealthInterval, options.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(closing.Token).ConfigureAwait(false))
            {
                await Task.WhenAll(Endpoints.Select(LookAsync)).ConfigureAwait(false);
                lock (sync)
                {
                    HandOver(); // those who wait may go elsewhere now
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Closed: there is nothing left to watch.
        }
    }

    private async Task LookAsync(VllmEndpoint endpoint)
    {
        using var limit = new CancellationTokenSource(options.HealthInterval > TimeSpan.FromSeconds(1) ? options.HealthInterval : TimeSpan.FromSeconds(1), options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, closing.Token);
        try
        {
            var answers = await endpoint.AnswersAsync(either.Token).ConfigureAwait(false);
            endpoint.IsHealthy = answers;
            endpoint.Weights = answers ? endpoint.Weights : null;
        }
        catch (OperationCanceledException) when (!closing.IsCancellationRequested)
        {
            endpoint.IsHealthy = false; // it does not answer in time; that says nothing about its weights
        }
    }
}
