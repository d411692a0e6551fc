namespace RlPrimitives.Inference;

/// <summary>A backend that generates elsewhere with a copy of the weights, which can be replaced while it runs.</summary>
public interface IWeightReceiver
{
    /// <summary>Version of the weights that it generates with; null before the first were put there.</summary>
    long? WeightsVersion { get; }

    /// <summary>Generates with adapters from now on, at every endpoint.</summary>
    /// <param name="folder">In PEFT's layout, as <see cref="Models.CausalLM.SaveLora"/> writes it, as the server sees it; stays there while the adapters are in use.</param>
    /// <param name="version">Of the weights, a new one each time; <see cref="Generation.WeightsVersion"/> of what is generated with them.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task LoadLoraAsync(string folder, long version, CancellationToken cancellationToken = default);

    /// <summary>Generates with other weights from now on, at every endpoint.</summary>
    /// <param name="folder">In Hugging Face's layout, as the server sees it; stays there while the weights are in use.</param>
    /// <param name="version">Of the weights, a new one each time.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task LoadWeightsAsync(string folder, long version, CancellationToken cancellationToken = default);

    /// <summary>Log-probs (nats) of given responses at every endpoint that can be reached, at temperature 1: whether the weights are the ones that were put there.</summary>
    /// <param name="prompts">Ids before each response, none empty.</param>
    /// <param name="responses">Ids to score.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>For each endpoint its name, and for each response one value a token.</returns>
    Task<IReadOnlyList<(string Endpoint, float[][] LogProbs)>> GetLogProbsEverywhereAsync(
        IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, CancellationToken cancellationToken = default);
}
